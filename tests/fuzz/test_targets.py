"""The targets of `make fuzz` without its engine: seeds, found inputs, and mutations."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.invariant import BrokenInvariant, require
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import REFUSALS, TARGETS, prepare

FOUND = sorted((Path(__file__).parent / "found").glob("*/*"))


@pytest.fixture(scope="module", autouse=True)
def prepared() -> None:
    prepare()


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_hold_and_reach_what_they_are_seeds_of(name: str) -> None:
    read = 0
    for seed in seeds(name):
        require(TARGETS[name], seed)
        try:
            TARGETS[name](seed)
            read += 1
        except REFUSALS:
            pass
    # A state that is not iris's is read but not served; nor is a single storage.
    assert read or name == "pickle-storage"


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_is_mended(path: Path) -> None:
    require(TARGETS[path.parent.name], path.read_bytes())


@st.composite
def mutations(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with a few parts replaced, repeated, or removed."""
    content = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = start + draw(st.integers(0, 8))
        new = draw(st.binary(max_size=8) | st.just(bytes(content[start:end]) * 2))
        content[start:end] = new
    return bytes(content)


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
def test_mutations_of_the_seeds_hold(name: str, data: st.DataObject) -> None:
    require(TARGETS[name], data.draw(mutations(seeds(name))))


def test_the_invariant_notices_what_it_is_for(tmp_path: Path) -> None:
    bad = {
        "it ran code": lambda _: __import__("os").system("true"),
        "more than a line": lambda _: (_ for _ in ()).throw(REFUSALS[0]("a\nb")),
        "bytes of memory": lambda _: bytearray(2**26),
        "open": lambda _: (tmp_path / "file").write_bytes(b""),
    }
    for reason, target in bad.items():
        with pytest.raises(BrokenInvariant, match=reason):
            require(target, b"")
    with pytest.raises(ZeroDivisionError):
        require(lambda _: 1 / 0, b"")
