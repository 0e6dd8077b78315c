"""Pickles read as data: those of torch and pickle are read exactly, others are refused."""

import io
import pickle
import struct
import zipfile
from contextlib import suppress

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stateserve.checkpoint.content import walk
from stateserve.checkpoint.description import describe
from stateserve.checkpoint.dtypes import PLAIN
from stateserve.checkpoint.found_states import find_states
from stateserve.checkpoint.pickles.reader import MAX_STEPS, read_pickle
from stateserve.checkpoint.pickles.tensors import CALLS
from stateserve.checkpoint.readers.formats import read_content
from stateserve.checkpoint.sources import File, Memory
from stateserve.checkpoint.writers.pickle import CLASSES
from stateserve.errors import CheckpointError, UnreadableCheckpoint
from stateserve.model.arrays import to_tensor
from tests.memory import SPARE, peak_growth

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(1 - 2**60, 2**60 - 1), inner)
    ),
)


def no_files(name: str) -> File:
    raise UnreadableCheckpoint(name)


def read(content: bytes) -> object:
    return read_content(Memory(content), no_files).root


@given(plain, st.sampled_from(range(6)))
def test_plain_data_is_read_as_pickle_reads_it(value: object, protocol: int) -> None:
    content = pickle.dumps(value, protocol) + b"rest"
    stream = io.BytesIO(content)
    assert read_pickle(stream, Memory(content), CALLS) == value
    assert stream.read() == b"rest"


@st.composite
def tensors(draw: st.DrawFn) -> torch.Tensor:
    """Tensors of any plain dtype; half are a transpose or a part of the stored memory."""
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    dtype = draw(st.sampled_from(sorted(PLAIN)))
    tensor = torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(0)).to(
        getattr(torch, dtype)
    )
    if draw(st.booleans()) and tensor.dim() > 1:
        tensor = tensor.transpose(0, -1)[1:]
    return torch.nn.Parameter(tensor, requires_grad=False) if draw(st.booleans()) else tensor


@st.composite
def states(draw: st.DrawFn) -> dict[str, torch.Tensor]:
    state = draw(st.dictionaries(st.text(), tensors(), max_size=4))
    if state and draw(st.booleans()):
        # A second name for one tensor, and for its storage.
        first = next(iter(state.values()))
        state |= {"tied": first, "tied view": first.detach()[...]}
    return state


def require_equal(found: object, state: dict[str, torch.Tensor]) -> None:
    assert isinstance(found, dict)
    assert list(found) == list(state)
    for name, tensor in state.items():
        found[name] = to_tensor(found[name].array())
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        # As integers, because torch cannot compare one-byte floats.
        assert torch.equal(found[name].double(), tensor.detach().double())


@given(states())
def test_what_torch_saves_is_read_as_torch_reads_it(state: dict[str, torch.Tensor]) -> None:
    saved = io.BytesIO()
    torch.save(state, saved)
    require_equal(read(saved.getvalue()), torch.load(io.BytesIO(saved.getvalue())))


@given(states(), st.sampled_from(range(6)))
def test_what_pickle_dumps_is_read_as_pickle_reads_it(
    state: dict[str, torch.Tensor], protocol: int
) -> None:
    # torch itself cannot read the others from a pickle.
    state = {name: each for name, each in state.items() if str(each.dtype)[6:] in CLASSES}
    saved = pickle.dumps(state, protocol)
    require_equal(read(saved), pickle.loads(saved))


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def integer(value: int) -> bytes:
    return b"\x8a\x09" + value.to_bytes(9, "little")


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def entry(value: bytes) -> bytes:
    """The pickle of a dict with only this value."""
    return b"\x80\x02}" + text("w") + value + b"s."


def tensor_of(storage: bytes, size: int) -> bytes:
    start = name("torch._utils", "_rebuild_tensor_v2") + b"("
    shape = integer(size) + b"\x85K\x01\x85\x89"
    return start + storage + b"K\x00" + shape + name("collections", "OrderedDict") + b")RtR"


def stored(size: int) -> bytes:
    start = b"(" + text("storage") + name("torch", "FloatStorage")
    return start + text("0") + text("cpu") + integer(size) + b"tQ"


def archive(pickled: bytes, data: bytes = b"", compression: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as target:
        for record, written in (("data.pkl", pickled), ("data/0", data), ("version", b"3\n")):
            # Without the time, whose bytes could be opcodes.
            target.writestr(zipfile.ZipInfo(f"archive/{record}"), written, compression)
    return content.getvalue()


def old_storage(claimed: int, keys: list[str], data: bytes = b"") -> bytes:
    """The format of torch.save before zip archives, which a pickled tensor contains."""
    start = b"".join(pickle.dumps(each, 2) for each in (0x1950A86A20F9469CFC6C, 1001, {}))
    pid = b"(" + text("storage") + name("torch", "FloatStorage") + text("k") + text("cpu")
    return start + b"\x80\x02" + pid + integer(claimed) + b"NtQ." + pickle.dumps(keys, 2) + data


def from_bytes(content: bytes) -> bytes:
    start = name("torch.storage", "_load_from_bytes") + b"B"
    return start + struct.pack("<I", len(content)) + content + b"\x85R"


def nested_tuples(depth: int) -> bytes:
    """Nested tuples that a full traversal visits 2**depth times."""
    return b"K\x01\x85q\x00" + b"".join(b"h%c\x86q%c" % (n, n + 1) for n in range(depth))


HUGE = 2**34
GIB = 2**30
# Each fills the memory, or keeps a processor busy for years, in torch.load(weights_only=True)
# or in a pickle.Unpickler that finds the same classes only.
PTH = {
    "a bytearray of gigabytes": (entry(name("builtins", "bytearray") + integer(HUGE) + b"\x85R"),),
    "a tensor of gigabytes": (entry(name("torch", "FloatTensor") + integer(HUGE) + b"\x85R"),),
    "a storage shorter than its view": (entry(tensor_of(stored(1), GIB)), bytes(4)),
    "a storage shorter than it claims": (entry(tensor_of(stored(GIB), GIB)), bytes(4)),
    "a tuple of tuples to be hashed": (b"\x80\x02}" + nested_tuples(60) + b"K\x01s.",),
    "tuples too deep for C": (b"\x80\x02})" + b"\x85" * 190_000 + b"K\x01s.",),
    "a dict copied again and again": (
        b"\x80\x02}](" + b"K\x01K\x02\x86" * 9000 + b"eq\x00\x85q\x010("
        + (name("collections", "OrderedDict") + b"h\x01R") * 9000 + b"t.",
    ),
    "a memo index of gigabytes": (b"\x80\x02}r" + struct.pack("<I", 2**32 - 1) + b"0.",),
    "too many steps": (b"\x80\x02" + b"N0" * (MAX_STEPS // 2 + 1) + b".",),
    "a stack of millions": (b"\x80\x02" + b"N" * MAX_STEPS + b".",),
}  # fmt: skip


def look(content: bytes) -> None:
    """Read everything that the file has, if it is not refused."""
    with suppress(CheckpointError):
        root = read(content)
        find_states(root)
        for node in walk(root):
            describe(node.value)
            if hasattr(node.value, "array"):
                node.value.array()


@pytest.mark.parametrize("case", PTH.values(), ids=PTH)
def test_a_small_archive_takes_little_time_and_memory(case: tuple[bytes, ...]) -> None:
    content = archive(*case)

    assert peak_growth(lambda: look(content)) < 4 * len(content) + SPARE


PICKLES = {
    "a storage that is never read": old_storage(GIB, []),
    "a storage that is shorter than it says": old_storage(GIB, ["k"], struct.pack("<q", GIB)),
    "an archive inside": archive(stored(1), bytes(4)),
    "a compressed archive inside": archive(stored(GIB), bytes(2**20), zipfile.ZIP_DEFLATED),
    "of no length": old_storage(1, ["k"]),
    "of another length than it claims": old_storage(1, ["k"], struct.pack("<q", 2) + bytes(4)),
    "of another length": old_storage(1, ["k"], struct.pack("<q", 1) + bytes(8)),
    "nothing": b"",
}


@pytest.mark.parametrize("content", PICKLES.values(), ids=PICKLES)
def test_a_storage_that_is_not_whole_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableCheckpoint, match="damaged"):
        read(entry(tensor_of(from_bytes(content), GIB)))


def test_the_builders_above_build_what_is_read() -> None:
    """So the cases are refused only because of their errors."""
    data = struct.pack("<2f", 1, 2)
    found = read(archive(entry(tensor_of(stored(2), 2)), data))
    require_equal(found, {"w": torch.tensor([1.0, 2.0])})
    content = old_storage(2, ["k"], struct.pack("<q", 2) + data)
    require_equal(read(entry(tensor_of(from_bytes(content), 2))), found)


BROKEN = b". } 0. 2. h\0. (. \x85. }a. ]1111s. R. ))R. }(Nu. N}b. \x93. NN\x93. \x8e I1x\n."


@pytest.mark.parametrize("pickled", [b"", *BROKEN.split(b" ")])
def test_a_broken_pickle_is_a_checkpoint_error(pickled: bytes) -> None:
    with pytest.raises(UnreadableCheckpoint) as caught:
        read_pickle(io.BytesIO(pickled), Memory(pickled), {})
    assert "\n" not in str(caught.value)
