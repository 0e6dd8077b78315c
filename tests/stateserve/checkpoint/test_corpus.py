"""Files as training scripts and libraries leave them: read as their library does, or named."""

import hashlib
from pathlib import Path

import pytest
import torch

from stateserve.checkpoint.checkpoint import Checkpoint
from stateserve.checkpoint.dtypes import DTYPES
from stateserve.checkpoint.state_hash import tensor_sha256
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.errors import CheckpointError, StateMismatch
from tests.corpus.case import Readable, Refused
from tests.corpus.library_files import LIBRARY_FILES
from tests.corpus.other_files import OTHER_FILES
from tests.corpus.refused_files import REFUSED_FILES
from tests.corpus.tensor_files import TENSOR_FILES
from tests.corpus.torch_files import CONTAINERS

READABLE = [*CONTAINERS, *TENSOR_FILES, *OTHER_FILES]
REFUSED = [*REFUSED_FILES, *LIBRARY_FILES]
pytestmark = pytest.mark.filterwarnings(
    # Of the libraries that are the oracles.
    "ignore::DeprecationWarning",
    "ignore::FutureWarning",
    "ignore::UserWarning",
)


def require_equal(found: LazyTensor, wanted: torch.Tensor) -> None:
    """Shape, dtype and all values; of a dtype whose values are not read, the shape."""
    assert found.shape == tuple(wanted.shape)
    if found.dtype not in DTYPES:
        return
    assert found.dtype == str(wanted.dtype).removeprefix("torch.")
    raw = wanted.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
    assert found.array().tobytes() == raw.tobytes()
    # As it is read in parts.
    assert tensor_sha256(found) == hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.file)
def test_a_file_is_read_as_the_library_that_wrote_it_reads_it(
    tmp_path: Path, case: Readable
) -> None:
    path = tmp_path / case.file
    case.write(path)
    checkpoint = Checkpoint.open(path)
    assert checkpoint.format == case.format
    assert checkpoint.notes == list(case.notes)
    assert {key: state.kind for key, state in checkpoint.states.items()} == dict(case.states)
    for key, state in checkpoint.states.items():
        wanted = case.load(path, key)
        assert sorted(state.tensors) == sorted(wanted or state.tensors)
        for name, tensor in wanted.items():
            require_equal(state.tensors[name], tensor)
    if case.chosen is not None:
        assert checkpoint.state().key == case.chosen
        return
    with pytest.raises(StateMismatch, match="choose one with --key"):
        checkpoint.state()


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.file)
def test_a_file_that_is_no_checkpoint_is_named_in_one_line(tmp_path: Path, case: Refused) -> None:
    path = tmp_path / case.file
    case.write(path)
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.open(path).state()
    # The command in a reason is that for this file.
    reason = case.reason.replace("IN OUT", f"{path} {path.with_suffix('.safetensors')}")
    assert str(caught.value) == f"{path}: {reason}"


def test_the_corpus_has_a_file_of_each_name_once() -> None:
    names = [case.file for case in (*READABLE, *REFUSED)]
    assert len(names) == len(set(names)) > 60
