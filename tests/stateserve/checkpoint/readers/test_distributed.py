"""Folders of torch.distributed.checkpoint, written by it.

It is imported where it is used: that takes seconds, in each process that collects the tests.
"""

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from stateserve.checkpoint.checkpoint import Checkpoint
from stateserve.checkpoint.pickles.reader import read_pickle
from stateserve.checkpoint.pickles.tensors import CALLS
from stateserve.checkpoint.read import read_state
from stateserve.checkpoint.sources import Memory
from stateserve.errors import UnreadableCheckpoint


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_a_folder_of_nested_states_is_read_as_one_tree(tmp_path: Path) -> None:
    import torch.distributed.checkpoint as dcp

    module = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    content = {"model": module.state_dict(), "optim": optimizer.state_dict(), "step": 7}
    dcp.save(content, checkpoint_id=tmp_path / "saved", no_dist=True)
    checkpoint = Checkpoint.open(tmp_path / "saved")
    assert checkpoint.format == "torch.distributed checkpoint"
    assert {key: state.kind for key, state in checkpoint.states.items()} == {
        "model": "state",
        "optim": "optimizer",
    }
    for name, tensor in module.state_dict().items():
        np.testing.assert_array_equal(checkpoint.read()[name], tensor)
    averages = checkpoint.states["optim"].tensors["0.exp_avg"].array()
    np.testing.assert_array_equal(averages, optimizer.state_dict()["state"][0]["exp_avg"])
    assert checkpoint.root["step"] == 7


def write_pieces(
    folder: Path,
    starts: list[tuple[int, ...]],
    name: str = "__0_0.distcp",
    size: object = (4, 2),
    *,
    shared: bool = False,
) -> None:
    """A tensor of [4, 2] in pieces of [2, 2], as ranks write them; `shared`: all are one."""
    from torch.distributed.checkpoint.filesystem import _StorageInfo
    from torch.distributed.checkpoint.metadata import (
        ChunkStorageMetadata,
        Metadata,
        MetadataIndex,
        TensorProperties,
        TensorStorageMetadata,
    )

    whole = torch.arange(8.0).reshape(4, 2)
    places, chunks, content = {}, [], b""
    for at, start in enumerate(starts):
        if not shared or not content:
            torch.save(whole.roll(-start[0], 0)[:2].clone(), folder / "piece")
        piece = (folder / "piece").read_bytes()
        index = MetadataIndex("w", torch.Size(start), at)
        places[index] = _StorageInfo(name, 0 if shared else len(content), len(piece))
        chunks.append(ChunkStorageMetadata(torch.Size(start), torch.Size((2, 2))))
        content += piece
    (folder / "__0_0.distcp").write_bytes(content)
    entry = TensorStorageMetadata(TensorProperties(torch.float32), size, chunks)
    metadata = Metadata({"w": entry}, storage_data=places)
    (folder / ".metadata").write_bytes(pickle.dumps(metadata))


def test_pieces_are_joined(tmp_path: Path) -> None:
    write_pieces(tmp_path, [(2, 0), (0, 0)])
    assert read_state(tmp_path)["w"].tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]


@pytest.mark.parametrize(
    ("starts", "name", "reason"),
    [
        ([(0, 0)], "__0_0.distcp", "'w' its pieces overlap, or leave a gap"),
        ([(3, 0), (0, 0)], "__0_0.distcp", "'w' a piece of it is outside of the tensor"),
        ([(0, 0)], "../outside", r"'\.\./outside' is not a file of the same folder"),
        ([(0, 0)], "absent", "absent: No such file"),
    ],
)
def test_pieces_that_are_no_tensor_are_refused(
    tmp_path: Path, starts: list[tuple[int, ...]], name: str, reason: str
) -> None:
    write_pieces(tmp_path, starts, name)
    with pytest.raises(UnreadableCheckpoint, match=reason):
        read_state(tmp_path)


def nested_tuples() -> object:
    found: object = ()
    for _ in range(40):
        found = found, found
    return found


SIZES = [(-1, -4096), ("a", 2), 5, (None,), (0, 2**62, 2**62), (2,) * 10_000, (nested_tuples(),)]


@pytest.mark.parametrize("size", SIZES, ids=range(len(SIZES)))
def test_a_size_that_is_none_is_refused(tmp_path: Path, size: object) -> None:
    write_pieces(tmp_path, [(0, 0)], size=size)
    with pytest.raises(UnreadableCheckpoint, match=r"\.metadata is damaged: 'w': not a tensor"):
        read_state(tmp_path)


def test_a_piece_of_other_axes_is_refused(tmp_path: Path) -> None:
    write_pieces(tmp_path, [(0,)])
    with pytest.raises(UnreadableCheckpoint, match="'w': a piece of other axes"):
        read_state(tmp_path)
    write_pieces(tmp_path, [(0, 0, 0)], size=(4, 2, 1))
    with pytest.raises(UnreadableCheckpoint, match="'w' a piece of it is outside"):
        read_state(tmp_path)


def test_the_bytes_of_pieces_are_counted_once(tmp_path: Path) -> None:
    starts = [(2 * at, 0) for at in range(1000)]
    write_pieces(tmp_path, starts, size=(2000, 2), shared=True)
    with pytest.raises(UnreadableCheckpoint, match="'w' claims more elements than its pieces"):
        read_state(tmp_path)
    checkpoint = Checkpoint.open(tmp_path)
    placed = checkpoint.placed(checkpoint.state().tensors)
    with pytest.raises(UnreadableCheckpoint, match=f"^{tmp_path}: 'w' claims more elements"):
        list(placed["w"].chunks(100))
    # The pickle takes memory in proportion to its bytes, however many the pieces are.
    metadata = (tmp_path / ".metadata").read_bytes()
    assert read_pickle(io.BytesIO(metadata), Memory(metadata), CALLS, spare=0)


def test_a_metadata_file_that_is_none_is_refused(tmp_path: Path) -> None:
    from torch.distributed.checkpoint.metadata import BytesStorageMetadata, Metadata

    for content in ({}, Metadata({"w": BytesStorageMetadata()})):
        (tmp_path / ".metadata").write_bytes(pickle.dumps(content))
        with pytest.raises(UnreadableCheckpoint, match=r"\.metadata is damaged"):
            read_state(tmp_path)
