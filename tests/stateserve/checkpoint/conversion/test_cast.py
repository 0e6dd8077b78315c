"""Casts equal those of torch, and overflow is found."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.torch import load_file, save_file

from stateserve.checkpoint import ConvertOptions, SourceState, convert
from stateserve.checkpoint.conversion.cast import FLOATS, TARGETS, cast_tensors
from stateserve.errors import InvalidConversion

floats = hnp.arrays(
    hnp.floating_dtypes(endianness="<", sizes=(16, 32, 64)),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0),
)


def require_same_values(found: np.ndarray, wanted: torch.Tensor) -> None:
    assert str(wanted.dtype) == f"torch.{found.dtype}"
    assert found.shape == tuple(wanted.shape)
    with np.errstate(invalid="ignore"):
        values = found.astype(np.float64)
    np.testing.assert_array_equal(values, wanted.double().numpy())


@given(floats, st.sampled_from(TARGETS))
def test_a_cast_equals_that_of_torch(array: np.ndarray, dtype: str) -> None:
    options = ConvertOptions(dtype=dtype, allow_overflow=True)
    tensors = SourceState.of({"w": array}).tensors
    found = cast_tensors(tensors, "", options)["w"].array()
    require_same_values(found, torch.from_numpy(array).to(getattr(torch, dtype)))


@pytest.mark.parametrize("source", sorted(FLOATS - {"float16", "float32", "float64"}))
@pytest.mark.parametrize("dtype", TARGETS)
def test_every_value_of_a_narrow_dtype_is_cast_as_torch_casts_it(source: str, dtype: str) -> None:
    kind = getattr(torch, source)
    values = torch.arange(2 ** (8 * kind.itemsize))
    tensor = values.to(torch.uint16 if kind.itemsize == 2 else torch.uint8).view(kind)
    options = ConvertOptions(dtype=dtype, allow_overflow=True)
    tensors = SourceState.of({"w": tensor}).tensors
    require_same_values(
        cast_tensors(tensors, "", options)["w"].array(), tensor.to(getattr(torch, dtype))
    )


def test_a_number_that_would_become_infinite_is_refused_or_counted(tmp_path: Path) -> None:
    source, target = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    large = torch.full((3, 4), 1.0)
    large[1, 2], large[2, 3], large[0, 0] = 70_000, -1e30, float("inf")
    save_file({"w": large, "other": torch.tensor([float("nan"), 65_504])}, source)
    target.write_bytes(b"old")
    with pytest.raises(InvalidConversion, match=r"a\.safetensors: 'w' has 70000 at \[1, 2\]"):
        convert(source, target, ConvertOptions(dtype="float16"))
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "b.safetensors"]
    written = convert(source, target, ConvertOptions(dtype="float16", allow_overflow=True))
    assert "became infinite: 2 elements, in w" in written.notes
    assert torch.equal(load_file(target)["w"], large.half())
    convert(source, target, ConvertOptions(dtype="bfloat16"))
    assert torch.equal(load_file(target)["w"], large.bfloat16())


def test_only_floating_tensors_are_cast(tmp_path: Path) -> None:
    state = {
        "float": torch.randn(3),
        "float8": torch.randn(3).to(torch.float8_e4m3fn),
        "steps": torch.tensor(7),
        "mask": torch.tensor([True, False]),
        "rotary": torch.randn(2, dtype=torch.complex64),
    }
    torch.save(state, tmp_path / "a.pth")
    written = convert(tmp_path / "a.pth", tmp_path / "b.pth", ConvertOptions(dtype="float64"))
    assert "cast to float64: 2 of 5 tensors" in written.notes
    found = torch.load(tmp_path / "b.pth")
    for name, tensor in state.items():
        wanted = tensor.double() if tensor.is_floating_point() else tensor
        assert found[name].dtype == wanted.dtype
        assert torch.equal(found[name], wanted)
