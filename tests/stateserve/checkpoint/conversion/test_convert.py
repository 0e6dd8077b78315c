"""Conversions, read back by the libraries of the formats, which are the oracles."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from stateserve.checkpoint import ConvertOptions, convert
from stateserve.errors import CheckpointError, InvalidConversion, StateMismatch
from stateserve.names import NameChanges
from tests.memory import MIB, SPARE, peak_growth

State = dict[str, torch.Tensor]
LOADERS: dict[str, Callable[[Path], State]] = {
    ".pth": lambda path: torch.load(path, weights_only=True),
    ".bin": lambda path: torch.load(path, weights_only=True, mmap=True),
    ".safetensors": load_file,
    ".npz": lambda path: {k: torch.from_numpy(v) for k, v in np.load(path).items()},
    ".pickle": lambda path: pickle.loads(path.read_bytes()),
}
DTYPES = [torch.float32, torch.float16, torch.float64, torch.int64, torch.uint8, torch.bool]
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
sizes = st.lists(st.integers(0, 4), max_size=3)
SEED = torch.Generator().manual_seed(0)


@st.composite
def states(draw: st.DrawFn) -> State:
    """Tensors of any names: some transposed, some parts of others, some tied."""
    state: State = {}
    for name in draw(st.lists(names, min_size=1, max_size=5, unique=True)):
        if state and draw(st.booleans()):
            state[name] = draw(st.sampled_from(list(state.values())))
            continue
        tensor = torch.randint(0, 2, draw(sizes), generator=SEED)
        tensor = tensor.to(draw(st.sampled_from(DTYPES)))
        view = draw(st.sampled_from(["whole", "turned", "part"]))
        if tensor.dim() and view == "part":
            tensor = tensor[..., 1::2]
        state[name] = tensor.mT if tensor.dim() > 1 and view == "turned" else tensor
    return state


def require_equal(found: State, wanted: State) -> None:
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        assert torch.equal(found[name], tensor)


@given(states(), st.sampled_from(sorted(LOADERS)), st.booleans())
def test_what_is_written_is_read_by_the_formats_library(
    tmp_path_factory: pytest.TempPathFactory, state: State, suffix: str, legacy: bool
) -> None:
    folder = tmp_path_factory.mktemp("any")
    torch.save(state, folder / "in.ckpt", _use_new_zipfile_serialization=not legacy)
    convert(folder / "in.ckpt", folder / f"out{suffix}")
    require_equal(LOADERS[suffix](folder / f"out{suffix}"), state)


PLAIN = {"a.weight": torch.randn(3, 4), "a.bias": torch.randn(3), "steps": torch.tensor(7)}


def save_onnx(path: Path) -> None:
    tensors = [onnx.numpy_helper.from_array(each.numpy(), name) for name, each in PLAIN.items()]
    graph = onnx.helper.make_graph([], "any", [], [], tensors)
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())


def save_distributed(path: Path) -> None:
    # Its import takes two seconds, which every worker of the tests would spend.
    import torch.distributed.checkpoint as dcp

    dcp.save(dict(PLAIN), checkpoint_id=path, no_dist=True)


SOURCES: dict[str, Callable[[Path], object]] = {
    "in.pth": lambda path: torch.save({"state_dict": PLAIN, "epoch": 3}, path),
    "legacy.pth": lambda path: torch.save(PLAIN, path, _use_new_zipfile_serialization=False),
    "in.pickle": lambda path: path.write_bytes(pickle.dumps(PLAIN, 4)),
    "in.safetensors": lambda path: save_file(PLAIN, path),
    "in.npz": lambda path: np.savez_compressed(path, **{k: v.numpy() for k, v in PLAIN.items()}),
    "in.onnx": save_onnx,
    "folder": save_distributed,
}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", SOURCES)
def test_every_format_is_converted_to_every_other(tmp_path: Path, name: str) -> None:
    SOURCES[name](tmp_path / name)
    for suffix, load in LOADERS.items():
        convert(tmp_path / name, tmp_path / f"out{suffix}")
        require_equal(load(tmp_path / f"out{suffix}"), PLAIN)
    convert(tmp_path / name, tmp_path / "legacy.bin", ConvertOptions(legacy=True))
    assert not (tmp_path / "legacy.bin").read_bytes().startswith(b"PK")
    require_equal(torch.load(tmp_path / "legacy.bin", weights_only=True), PLAIN)


def save_tied(folder: Path) -> tuple[Path, State]:
    shared = torch.randn(4, 3)
    state = {"z.embed": shared, "head": shared, "turned": shared.t(), "bias": torch.ones(4)}
    torch.save(state, folder / "tied.pth")
    return folder / "tied.pth", state


@pytest.mark.parametrize("suffix", [".pth", ".pickle", ".bin"])
def test_ties_are_kept_or_copied(tmp_path: Path, suffix: str) -> None:
    source, state = save_tied(tmp_path)
    for ties, tied in ((None, True), ("keep", True), ("copy", False)):
        target = tmp_path / f"out{suffix}"
        written = convert(source, target, ConvertOptions(ties=ties, dtype="float64"))
        found = LOADERS[suffix](target)
        require_equal(found, {name: tensor.double() for name, tensor in state.items()})
        assert (found["z.embed"].data_ptr() == found["head"].data_ptr()) == tied
        how = "kept in one storage" if tied else "copied"
        assert f"tied, {how}: head = z.embed" in written.notes
        if suffix == ".pth":
            convert(source, target, ConvertOptions(ties=ties, legacy=True))
            found = torch.load(target)
            assert (found["z.embed"].data_ptr() == found["head"].data_ptr()) == tied
        assert "share memory in part, copied: head = turned" in written.notes


def test_ties_in_a_format_without_shared_memory(tmp_path: Path) -> None:
    source, state = save_tied(tmp_path)
    target = tmp_path / "out.safetensors"
    assert "tied, copied: head = z.embed" in convert(source, target).notes
    require_equal(load_file(target), state)
    convert(source, target, ConvertOptions(ties="omit"))
    del state["z.embed"]
    require_equal(load_file(target), state)
    with safe_open(target, "pt") as file:
        # As safetensors' own save_model writes it.
        assert file.metadata() == {"format": "pt", "z.embed": "head"}
    with pytest.raises(InvalidConversion, match=r"keep: head and z\.embed are tied, and in this"):
        convert(source, target, ConvertOptions(ties="keep"))


def test_a_small_file_of_many_ties_makes_no_huge_one_unless_asked(tmp_path: Path) -> None:
    shared = torch.zeros(1000)
    torch.save({f"w{index}": shared for index in range(100)}, tmp_path / "a.pth")
    target = tmp_path / "a.npz"
    with pytest.raises(InvalidConversion, match=r"would take 396000 of 400000 bytes"):
        convert(tmp_path / "a.pth", target)
    convert(tmp_path / "a.pth", target, ConvertOptions(ties="copy"))
    assert len(np.load(target).files) == 100


def test_metadata_is_kept_where_the_format_has_a_place(tmp_path: Path) -> None:
    source, target = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save_file(PLAIN, source, metadata={"format": "pt", "license": "MIT"})
    convert(source, target)
    with safe_open(target, "pt") as file:
        assert file.metadata() == {"format": "pt", "license": "MIT"}
    notes = convert(source, tmp_path / "b.pth").notes
    assert "metadata left out, since the format has no place for it: license" in notes
    convert(tmp_path / "b.pth", target)
    with safe_open(target, "pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_names_are_changed_in_the_order_strip_rename_select(tmp_path: Path) -> None:
    torch.save({f"module.{name}": each for name, each in PLAIN.items()}, tmp_path / "a.pth")
    changes = NameChanges(["module"], ["a=layers.0"], ["layers"])
    convert(tmp_path / "a.pth", tmp_path / "b.pth", ConvertOptions(names=changes))
    wanted = {"layers.0.weight": PLAIN["a.weight"], "layers.0.bias": PLAIN["a.bias"]}
    require_equal(torch.load(tmp_path / "b.pth"), wanted)


def test_a_file_is_replaced_by_its_own_conversion(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save(PLAIN, path)
    convert(path, path, ConvertOptions(dtype="float16"))
    wanted = {n: each.half() if each.is_floating_point() else each for n, each in PLAIN.items()}
    require_equal(torch.load(path), wanted)


def test_damage_that_shows_late_leaves_the_target_whole(tmp_path: Path) -> None:
    source, target = tmp_path / "a.pth", tmp_path / "b.safetensors"
    torch.save({"w": torch.zeros(2**20)}, source)
    content = bytearray(source.read_bytes())
    content[len(content) // 2] ^= 1
    source.write_bytes(content)
    target.write_bytes(b"old")
    with pytest.raises(CheckpointError, match=r"a\.pth: 'w' damaged: Bad CRC-32"):
        convert(source, target)
    assert target.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("state", "target", "reason"),
    [
        ({"w": torch.ones(1).bfloat16()}, "b.npz", r"b\.npz: 'w' is bfloat16, which NumPy lacks"),
        ({"a\0b": torch.ones(1)}, "b.npz", r"'a\\x00b' is no name in a zip archive"),
        ({"a": torch.ones(1), "a.npy": torch.ones(1)}, "b.npz", r"takes 'a' and 'a\.npy' for one"),
        ({"__metadata__": torch.ones(1)}, "b.safetensors", r"'__metadata__' is .* no tensor"),
        ({"\ud800": torch.ones(1)}, "b.safetensors", r"'\\ud800' is no Unicode text"),
        ({"\ud800": torch.ones(1)}, "b.npz", r"'\\ud800' is no name in a zip archive"),
        ({"w": torch.ones(1, dtype=torch.complex128)}, "b.safetensors", "safetensors lacks"),
        ({"w": torch.ones(1).to(torch.float8_e5m2)}, "b.pickle", r"choose \.pth or \.safetensors"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(
    tmp_path: Path, state: State, target: str, reason: str
) -> None:
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(StateMismatch, match=reason) as caught:
        convert(tmp_path / "a.pth", tmp_path / target)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / target).exists()


@pytest.mark.parametrize("suffix", sorted(LOADERS))
@pytest.mark.parametrize("source", ["a.safetensors", "a.pth", "a.npz"])
def test_memory_holds_parts_of_tensors(tmp_path: Path, source: str, suffix: str) -> None:
    state = {f"w{index}": torch.zeros(8, MIB // 4) for index in range(6)}
    if source == "a.pth":
        torch.save(state, tmp_path / source)
    elif source == "a.npz":
        np.savez(tmp_path / source, **{name: each.numpy() for name, each in state.items()})
    else:
        save_file(state, tmp_path / source)
    options = ConvertOptions(dtype="float64")
    assert peak_growth(lambda: convert(tmp_path / source, tmp_path / f"b{suffix}", options)) < SPARE
