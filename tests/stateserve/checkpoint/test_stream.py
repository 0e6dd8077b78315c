"""Streams of tensors, read by the libraries of the formats; and their chunks."""

import io
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stateserve.checkpoint.formats import read_state
from stateserve.checkpoint.stream import (
    CHUNK_BYTES,
    SAFETENSORS_DTYPES,
    Stream,
    stream_npy,
    stream_pth,
    stream_safetensors,
)

arrays = hnp.arrays(
    hnp.floating_dtypes(endianness="<") | hnp.integer_dtypes(endianness="<") | st.just(np.bool_),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0),
)
LARGE = {"a": torch.arange(3_000_001), "b": torch.ones(5, 2**18), "c": torch.tensor(2.5)}


def join(stream: Stream) -> bytes:
    content = b"".join(stream.chunks)
    assert stream.length in (None, len(content))
    return content


def require_equal(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        assert found[name].reshape(-1).view(torch.uint8).equal(tensor.reshape(-1).view(torch.uint8))


def test_safetensors_reads_every_dtype_from_memory_and_from_a_mapped_file(tmp_path: Path) -> None:
    # With three elements each: unless ordered by width, wide tensors would not be aligned.
    state = {
        name: torch.arange(3, dtype=torch.uint8).to(getattr(torch, name))
        for name in SAFETENSORS_DTYPES
    }
    state |= {"empty": torch.empty(0, 4), "Größe\n": torch.ones(2, 3)}
    content = join(stream_safetensors(state))
    assert int.from_bytes(content[:8], "little") % 8 == 0
    require_equal(safetensors.torch.load(content), state)
    path = tmp_path / "state.safetensors"
    path.write_bytes(content)
    with safetensors.safe_open(path, framework="pt") as file:
        require_equal({name: file.get_tensor(name) for name in state}, state)
    require_equal(read_state(path), state)


@given(arrays)
def test_numpy_reads_an_array_of_any_shape_and_dtype(array: np.ndarray) -> None:
    found = np.load(io.BytesIO(join(stream_npy(array))), allow_pickle=False)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array, strict=True)


@pytest.mark.parametrize("index", [np.s_[::-1], np.s_[:, ::-3], np.s_[..., 1], np.s_[3, 4]])
def test_strides_do_not_show(index: object) -> None:
    array = np.arange(500_000, dtype=np.float32).reshape(5, 100_000)
    for view in (np.asarray(array[index]), np.asarray(array.T[:9])):
        np.testing.assert_array_equal(np.load(io.BytesIO(join(stream_npy(view)))), view)
        found = safetensors.torch.load(join(stream_safetensors({"view": view})))
        np.testing.assert_array_equal(found["view"], view)


def test_torch_reads_what_it_saved() -> None:
    found = torch.load(io.BytesIO(join(stream_pth(LARGE))), weights_only=True)
    assert list(found) == list(LARGE)
    require_equal(found, LARGE)


@pytest.mark.parametrize(
    "open_stream",
    [
        lambda: stream_safetensors(LARGE),
        lambda: stream_pth(LARGE),
        lambda: stream_npy(LARGE["a"].numpy()),
        lambda: stream_npy(LARGE["a"].numpy()[::-1]),
    ],
)
def test_a_stream_takes_the_memory_of_a_few_chunks(open_stream: Callable[[], Stream]) -> None:
    tracemalloc.start()
    sizes = [len(chunk) for chunk in open_stream().chunks]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(sizes) <= CHUNK_BYTES
    assert sum(sizes) > 20_000_000
    assert peak < 4 * CHUNK_BYTES


def test_contiguous_memory_is_not_copied() -> None:
    tensor = torch.zeros(100)
    _, chunk = stream_safetensors({"a": tensor}).chunks
    tensor[7] = 1
    assert np.frombuffer(chunk, np.float32)[7] == 1


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def saving() -> int:
    return sum(thread.name.startswith("torch.save") for thread in threading.enumerate())


def test_a_reader_that_leaves_ends_torch_save() -> None:
    before = open_files()
    chunks = stream_pth(LARGE).chunks
    next(chunks)
    assert saving() == 1
    chunks.close()
    deadline = time.monotonic() + 10
    while saving():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert open_files() == before


def test_a_save_that_fails_does_not_end_as_if_whole() -> None:
    with pytest.raises(Exception, match="pickle"):
        list(stream_pth({"a": torch.ones(1), "b": lambda: None}).chunks)  # type: ignore[dict-item]
