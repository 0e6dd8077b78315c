"""Streams of tensors, read by the libraries of the formats; and their chunks."""

import io
import pickle
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

from stateserve.checkpoint.writers.pickle import CLASSES
from stateserve.checkpoint.writers.stream import (
    CHUNK_BYTES,
    SAFETENSORS_DTYPES,
    Stream,
    stream_npy,
    stream_safetensors,
)
from stateserve.checkpoint.writers.torch_file import (
    stream_legacy_pth,
    stream_pickle,
    stream_pth,
)
from stateserve.errors import StateMismatch
from tests.states import read_tensors

arrays = hnp.arrays(
    hnp.floating_dtypes(endianness="<") | hnp.integer_dtypes(endianness="<") | st.just(np.bool_),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0),
)
LARGE = {"a": torch.arange(3_000_001), "b": torch.ones(5, 2**18), "c": torch.tensor(2.5)}


def join(stream: Stream) -> bytes:
    content = b"".join(stream.chunks)
    assert stream.length == len(content)
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
        # The format has it, but its own library for torch does not.
        if name != "float8_e8m0fnu"
    }
    state |= {"empty": torch.empty(0, 4), "Größe\n": torch.ones(2, 3)}
    content = join(stream_safetensors(state))
    assert int.from_bytes(content[:8], "little") % 8 == 0
    require_equal(safetensors.torch.load(content), state)
    path = tmp_path / "state.safetensors"
    path.write_bytes(content)
    with safetensors.safe_open(path, framework="pt") as file:
        require_equal({name: file.get_tensor(name) for name in state}, state)
    del state["complex64"]
    path.write_bytes(join(stream_safetensors(state)))
    require_equal(read_tensors(path), state)


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


STATE = {
    name: torch.arange(3, dtype=torch.uint8).to(getattr(torch, name)) for name in SAFETENSORS_DTYPES
}


def test_torch_reads_every_dtype_from_an_archive_and_from_a_mapped_one(tmp_path: Path) -> None:
    path = tmp_path / "state.pth"
    path.write_bytes(join(stream_pth(STATE)))
    require_equal(torch.load(path, weights_only=True), STATE)
    require_equal(torch.load(path, weights_only=True, mmap=True), STATE)


@pytest.mark.parametrize("stream", [stream_legacy_pth, stream_pickle])
def test_torch_and_pickle_read_the_dtypes_of_their_old_formats(
    stream: Callable[..., Stream],
) -> None:
    state = {name: each for name, each in STATE.items() if name in CLASSES}
    content = join(stream(state))
    found = (
        pickle.loads(content)
        if stream is stream_pickle
        else torch.load(io.BytesIO(content), weights_only=True)
    )
    require_equal(found, state)
    with pytest.raises(StateMismatch, match="'odd' is uint16"):
        stream({"odd": torch.ones(2, dtype=torch.uint16)})


@pytest.mark.parametrize("stream", [stream_pth, stream_legacy_pth, stream_pickle])
def test_names_of_one_tensor_share_its_bytes(stream: Callable[..., Stream]) -> None:
    large = torch.arange(100_000.0)
    state = {"embedding": large, "head": large, "part": large[:10]}
    content = join(stream(state))
    assert len(content) < 1.1 * large.nbytes
    found = (
        pickle.loads(content)
        if stream is stream_pickle
        else torch.load(io.BytesIO(content), weights_only=True)
    )
    require_equal(found, state)
    assert found["embedding"].data_ptr() == found["head"].data_ptr()
