"""Example inputs from files."""

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from stateserve.errors import CardMismatch, UnreadableCheckpoint
from stateserve.model import hints_of
from stateserve.model.architectures.exported_program import read_program
from stateserve.model.signature_inference import example_of, infer
from stateserve.model.signature_inference.example import read_example
from tests.programs import exported, small_archive

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_an_array_and_named_and_unnamed_arrays_are_read(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.savez(tmp_path / "named.npz", x=X, mask=X > 2)
    np.savez(tmp_path / "unnamed.npz", *[X, X + 1], *[X] * 9)
    save_file({"x": torch.tensor(X).bfloat16()}, tmp_path / "x.safetensors")
    assert (read_example(tmp_path / "x.npy") == X).all()  # type: ignore[union-attr]
    named = read_example(tmp_path / "named.npz")
    assert isinstance(named, dict)
    assert list(named) == ["x", "mask"]
    unnamed = read_example(tmp_path / "unnamed.npz")
    assert isinstance(unnamed, list)
    assert (np.asarray(unnamed[1]) == X + 1).all()
    assert len(unnamed) == 11
    half = read_example(tmp_path / "x.safetensors")
    assert isinstance(half, dict)
    assert half["x"].dtype == ml_dtypes.bfloat16


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors", ".csv", ""])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"a,b\n1,2\n"])
def test_another_file_is_refused_in_one_line(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(UnreadableCheckpoint) as caught:
        read_example(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{}], object), allow_pickle=True)
    np.savez(tmp_path / "x.npz", x=np.array([{}], object))
    for name in ("x.npy", "x.npz"):
        with pytest.raises(UnreadableCheckpoint, match="Object arrays cannot be loaded"):
            read_example(tmp_path / name)


class Ids(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 3)

    def forward(self, ids: Tensor) -> Tensor:
        return self.table(ids).sum(1)


def test_ids_of_any_length_need_no_example() -> None:
    module, hints = Ids().eval(), hints_of(tokens={"vocabulary": 20}, dynamic={"": [1]})
    found = infer(module, example_of(module, None, hints), hints)
    assert found.signature.lines[0] == "input ids int64 [-1, -1]"
    for vocabulary, dynamic in ((None, {"": [1]}), (20, None), (20, {"": [2]})):
        with pytest.raises(CardMismatch, match="for ids of any length --tokens"):
            example_of(module, None, hints_of(tokens={"vocabulary": vocabulary}, dynamic=dynamic))


class Sum(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b


def test_an_array_is_the_only_input_of_a_program(tmp_path: Path) -> None:
    module = read_program(small_archive(), "model.pt2")
    np.save(tmp_path / "rows.npy", np.ones((3, 4), np.float32))
    example = example_of(module, tmp_path / "rows.npy", hints_of())
    assert infer(module, example, hints_of()).signature.lines[0] == "input x float32 [-1, 4]"


def test_an_array_for_one_of_two_inputs_of_a_program_is_refused(tmp_path: Path) -> None:
    rows = {0: torch.export.Dim("rows")}
    content = exported(Sum(), torch.ones(3, 2), torch.ones(3, 2), dynamic_shapes=(rows, rows))
    module = read_program(content, "model.pt2")
    with pytest.raises(CardMismatch, match=r"the program takes a, b; the example has 1 array"):
        infer(module, np.ones((3, 2), np.float32), hints_of())
