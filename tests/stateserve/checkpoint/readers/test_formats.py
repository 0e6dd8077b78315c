"""Files of each format, written by the libraries that make them, which are the oracles."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from stateserve.checkpoint.checkpoint import Checkpoint
from stateserve.checkpoint.read import read_state
from stateserve.errors import CheckpointError, UnreadableCheckpoint
from stateserve.model.arrays import to_tensors
from stateserve.model.predictor import Predictor
from tests.project import IRIS

MODULE = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)).eval()
STATE = MODULE.state_dict()


def require_equal(found: dict[str, np.ndarray], wanted: dict[str, torch.Tensor]) -> None:
    tensors = to_tensors(found)
    assert list(tensors) == list(wanted)
    for name, tensor in wanted.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


def save_program(path: Path) -> None:
    torch.export.save(torch.export.export(MODULE, (torch.ones(3, 4),)), path)


def save_pickle(protocol: int) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(pickle.dumps(STATE, protocol)) and None


def save_renamed(path: Path) -> None:
    """An archive whose top folder has another name, as after a rename by torch."""
    torch.save(STATE, path.with_name("other.pth"))
    path.write_bytes(path.with_name("other.pth").read_bytes())


WRITERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "zip": ("torch.save archive", lambda path: torch.save(STATE, path)),
    "renamed": ("torch.save archive", save_renamed),
    "legacy": (
        "torch.save file of before torch 1.6",
        lambda path: torch.save(STATE, path, _use_new_zipfile_serialization=False),
    ),
    "legacy, protocol 4": (
        "torch.save file of before torch 1.6",
        lambda path: torch.save(
            STATE, path, _use_new_zipfile_serialization=False, pickle_protocol=4
        ),
    ),
    **{f"pickle {protocol}": ("pickle", save_pickle(protocol)) for protocol in range(6)},
    "safetensors": (
        "safetensors file",
        lambda path: path.write_bytes(safetensors.torch.save(dict(sorted(STATE.items())))),
    ),
    "script": (
        "TorchScript archive",
        lambda path: torch.jit.save(torch.jit.script(MODULE), path),
    ),
    "trace": (
        "TorchScript archive",
        lambda path: torch.jit.save(torch.jit.trace(MODULE, torch.ones(3, 4)), path),
    ),
    "program": ("torch.export archive", save_program),
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("name", ["model.pt", "MODEL.PTH.TAR", "weights"])
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)
def test_a_file_is_read_by_its_content_whatever_its_name(
    tmp_path: Path, kind: str, name: str
) -> None:
    form, write = WRITERS[kind]
    # Not all writers accept any suffix.
    written = tmp_path / ("written.pt2" if kind == "program" else "written.pth")
    write(written)
    path = written.rename(tmp_path / name)
    checkpoint = Checkpoint.open(path)
    assert checkpoint.format == form
    found = checkpoint.read()
    if kind in ("safetensors", "program"):
        found = {key: found[key] for key in STATE}
    require_equal(found, STATE)


def test_a_suffix_of_another_format_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(safetensors.torch.save(STATE))
    assert Checkpoint.open(path).notes == ["a safetensors file with the suffix .pth"]
    torch.save(STATE, tmp_path / "model.safetensors")
    notes = Checkpoint.open(tmp_path / "model.safetensors").notes
    assert notes == ["a torch.save archive with the suffix .safetensors"]
    torch.save(STATE, tmp_path / "model.bin")
    assert Checkpoint.open(tmp_path / "model.bin").notes == []


def test_a_model_with_a_wrong_suffix_is_served_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "iris.pth"
    path.write_bytes(safetensors.torch.save(torch.load(IRIS)))
    predictor = Predictor.load(path)
    assert predictor.state_sha256 == Predictor.load(IRIS).state_sha256
    assert caplog.messages == [f"{path}: a safetensors file with the suffix .pth"]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_the_arrays_of_an_npz_are_numpys(tmp_path: Path, save: Callable[..., None]) -> None:
    arrays = {
        "zeros": np.zeros((300, 400)),
        "columns": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
        "big": np.arange(5, dtype=">f4"),
        "none": np.empty((0, 3), np.float16),
        "scalar": np.array(2.5),
    }
    save(tmp_path / "a.npz", **arrays, text=np.array("hi"), objects=np.array([{}], object))
    checkpoint = Checkpoint.open(tmp_path / "a.npz")
    found = checkpoint.read()
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype.newbyteorder("=")
    assert list(checkpoint.states[""].others) == ["text", "objects"]
    chunks = checkpoint.states[""].tensors["zeros"].chunks(1000)
    assert sum(chunk.size for chunk in chunks) == 120_000


def test_a_single_array_is_a_state_of_one(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    assert read_state(tmp_path / "a.npy")["array"].tolist() == [0, 1, 2]


def test_arrays_and_scalars_of_a_pickle_are_numpys(tmp_path: Path) -> None:
    arrays = {
        "rows": np.arange(6.0).reshape(2, 3),
        "columns": np.arange(6.0).reshape(2, 3).T,
        "big": np.arange(3, dtype=">i4"),
        "long": np.arange(2000, dtype=np.uint16),
        "narrow": np.arange(3).astype(ml_dtypes.bfloat16),
    }
    for protocol in range(6):
        path = tmp_path / f"{protocol}.pkl"
        content = {**arrays, "best": np.float64(0.5), "words": np.array(["a"], object)}
        path.write_bytes(pickle.dumps(content, protocol))
        state = Checkpoint.open(path).state()
        for name, array in arrays.items():
            np.testing.assert_array_equal(state.tensors[name].array(), array)
        assert "best" in state.others


def test_an_archive_of_a_big_endian_machine_is_read(tmp_path: Path) -> None:
    written, path = io.BytesIO(), tmp_path / "big.pth"
    state = {"w": torch.tensor([1.5, -2.0]), "n": torch.tensor([3]), "c": torch.tensor([1 + 2j])}
    torch.save(state, written)
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("byteorder"):
                content = b"big"
            elif "/data/" in name:
                width = {"0": 4, "1": 8, "2": 4}[name[-1]]
                content = np.frombuffer(content, f"u{width}").byteswap().tobytes()
            target.writestr(name, content)
    tensors = Checkpoint.open(path).states[""].tensors
    assert [tensors[name].array().tolist() for name in "wnc"] == [[1.5, -2.0], [3], [1 + 2j]]


def test_a_tensor_is_read_alone_and_in_chunks(tmp_path: Path) -> None:
    large = torch.arange(100_000, dtype=torch.float32)
    state = {"w": large, "t": large.reshape(100, -1).T}
    torch.save(state, tmp_path / "a.pth")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(state))
    for name in ("a.pth", "a.pkl"):
        tensors = Checkpoint.open(tmp_path / name).states[""].tensors
        chunks = list(tensors["w"].chunks(4096))
        assert {len(chunk) for chunk in chunks[:-1]} == {4096}
        np.testing.assert_array_equal(np.concatenate(chunks), large)
        turned = np.concatenate([chunk.copy() for chunk in tensors["t"].chunks(999)])
        np.testing.assert_array_equal(turned, large.reshape(100, -1).T.reshape(-1))
        # pickle.dump writes shared memory twice.
        assert (tensors["w"].storage is tensors["t"].storage) == (name == "a.pth")


def test_the_metadata_of_safetensors_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file(dict(STATE), path, metadata={"format": "pt", "step": "3"})
    assert Checkpoint.open(path).metadata == {"format": "pt", "step": "3"}


def save_shards(folder: Path, **changes: object) -> Path:
    names = list(STATE)
    parts = {"a.safetensors": names[:4], "b.safetensors": names[4:]}
    for file, keys in parts.items():
        safetensors.torch.save_file({key: STATE[key] for key in keys}, folder / file)
    weights = {key: file for file, keys in parts.items() for key in keys} | changes
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weights}))
    return index


def test_shards_are_read_by_their_index_and_by_their_folder(tmp_path: Path) -> None:
    index = save_shards(tmp_path)
    require_equal(read_state(index), STATE)
    require_equal(read_state(tmp_path), STATE)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"more": "a.safetensors"}, "'a.safetensors' lacks 'more'"),
        ({"more": "c.safetensors"}, r"c\.safetensors: No such file"),
        ({"more": "../a.safetensors"}, r"'\.\./a\.safetensors' is not a file of the same folder"),
        ({"more": "/etc/passwd"}, "'/etc/passwd' is not a file of the same folder"),
        ({"more": 3}, "not the index of a checkpoint"),
        ({"more": "model.safetensors.index.json"}, "it refers to another file"),
    ],
)
def test_a_wrong_index_is_refused(tmp_path: Path, changes: dict[str, object], reason: str) -> None:
    with pytest.raises(UnreadableCheckpoint, match=reason):
        read_state(save_shards(tmp_path, **changes))


def test_shards_of_torch_are_read(tmp_path: Path) -> None:
    torch.save({"0.weight": STATE["0.weight"]}, tmp_path / "pytorch_model-00001-of-00001.bin")
    weights = {"0.weight": "pytorch_model-00001-of-00001.bin"}
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": weights}))
    require_equal(read_state(tmp_path), {"0.weight": STATE["0.weight"]})


@pytest.mark.parametrize(
    "kind", ["zip", "legacy", "pickle 2", "pickle 4", "safetensors", "program"]
)
def test_a_file_cut_at_any_place_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.pt2"
    WRITERS[kind][1](path)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, max(1, len(whole) // 40)):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError) as caught:
            read_state(path)
        assert "\n" not in str(caught.value)
