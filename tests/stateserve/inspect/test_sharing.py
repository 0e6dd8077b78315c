"""Ties, copies and fingerprints, of torch's tensors, arrays and tensors of a file."""

from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stateserve.checkpoint.checkpoint import Checkpoint
from stateserve.checkpoint.state_hash import tensor_sha256
from stateserve.inspect.sharing import equal_tensors, ties
from stateserve.inspect.structure_fingerprint import fingerprint


def tied() -> dict[str, torch.Tensor]:
    embed, head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
    head.weight = embed.weight
    state = nn.ModuleDict({"embed": embed, "head": head}).state_dict()
    copy = state["embed.weight"].clone()
    views = torch.arange(6.0)
    return {**state, "copy": copy, "a": views[:3], "b": views[3:], "t": copy.view(3, 5)}


def test_ties_and_copies_are_told_apart(tmp_path: Path) -> None:
    torch.save(tied(), tmp_path / "tied.pth")
    lazy = Checkpoint.open(tmp_path / "tied.pth").state().tensors
    for state in (lazy, tied(), {name: each.numpy() for name, each in tied().items()}):
        assert ties(state) == [["embed.weight", "head.weight"]]
        hashes = {name: tensor_sha256(values) for name, values in state.items()}
        assert equal_tensors(state, hashes) == [["embed.weight", "copy"]]
        del hashes["copy"]
        assert equal_tensors(state, hashes) == []


def test_equal_values_of_other_shapes_or_dtypes_and_empty_tensors_are_no_copies() -> None:
    state = {"a": np.zeros(2), "b": np.zeros((2, 1)), "c": np.zeros(2, np.float32)}
    state |= {"d": np.zeros(0), "e": np.zeros(0)}
    hashes = {name: tensor_sha256(values) for name, values in state.items()}
    assert equal_tensors(state, hashes) == ties(state) == []


names = st.dictionaries(
    st.text(max_size=3), st.lists(st.integers(0, 3), max_size=3), min_size=1, max_size=4
)


@given(names, names)
def test_a_fingerprint_is_of_names_and_shapes_alone(
    first: dict[str, list[int]], second: dict[str, list[int]]
) -> None:
    ones = {name: np.ones(shape) for name, shape in first.items()}
    others = {name: np.zeros(second[name]) for name in reversed(second)}
    assert (fingerprint(ones) == fingerprint(others)) == (first == second)
    assert fingerprint(ones) != fingerprint({n: t.astype(np.float32) for n, t in ones.items()})
    torch_state = {name: torch.zeros(shape, dtype=torch.float64) for name, shape in first.items()}
    assert fingerprint(torch_state) == fingerprint(ones)


def test_arrays_that_an_archive_reads_one_by_one_are_not_tied(tmp_path: Path) -> None:
    # Each is freed before the next, which takes its memory.
    np.savez(tmp_path / "a.npz", a=np.zeros(200_000), b=np.ones(200_000), c=np.ones(200_000))
    with np.load(tmp_path / "a.npz") as archive:
        assert ties(archive) == []
