"""Encode tensors chunk by chunk, so that no format needs a second copy in memory."""

import io
import json
from collections.abc import Generator, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from stateserve.checkpoint.arrays import Values, dtype_name
from stateserve.checkpoint.dtypes import DTYPES, Array, DType
from stateserve.checkpoint.readers.safetensors_file import DTYPES as READ_DTYPES
from stateserve.checkpoint.state_hash import raw_bytes
from stateserve.errors import StateMismatch

# Large enough that the cost per chunk is small, and small enough that sending one blocks the
# event loop for tens of microseconds only.
CHUNK_BYTES = 2**18
SAFETENSORS_DTYPES = {name: written for written, name in READ_DTYPES.items()}
Chunks = Generator[bytes | memoryview, None, None]


class Stream(NamedTuple):
    """Chunks of a few hundred KiB, and their total length in bytes."""

    chunks: Chunks
    length: int


def stream_safetensors(
    tensors: Mapping[str, Values], metadata: Mapping[str, str] | None = None
) -> Stream:
    """A safetensors file of tensors, arrays or both; contiguous ones are not copied.

    Raises StateMismatch for a dtype or name that the format lacks. Source:
    github.com/huggingface/safetensors, "Format".
    """
    # The widest dtypes first, so that each tensor is aligned if a reader maps the file.
    order = sorted(tensors, key=lambda name: -element_bytes(name, tensors[name]))
    fields: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name in order:
        _require_name(name)
        tensor = tensors[name]
        start, end = end, end + tensor.nbytes
        fields[name] = {
            "dtype": _written_dtype(name, tensor),
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(fields, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    header = len(text).to_bytes(8, "little") + text
    return Stream(_file_chunks(header, [tensors[name] for name in order]), len(header) + end)


def _require_name(name: str) -> None:
    if name == "__metadata__":
        raise StateMismatch(f"{name!r} is the name of safetensors' metadata, so of no tensor")
    if not is_unicode(name):
        raise StateMismatch(f"{name!r:.100} is no Unicode text, as names in safetensors are")


def is_unicode(name: str) -> bool:
    """A name in a pickle may have half of a pair of UTF-16, which no other format has."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _written_dtype(name: str, tensor: Values) -> str:
    dtype = dtype_name(tensor)
    if dtype not in SAFETENSORS_DTYPES:
        raise StateMismatch(f"{name!r:.100} is {dtype}, which safetensors lacks")
    return SAFETENSORS_DTYPES[dtype]


def element_bytes(name: str, tensor: Values) -> int:
    """Raises StateMismatch for a dtype whose values are not read."""
    dtype = dtype_name(tensor)
    if dtype not in DTYPES:
        raise StateMismatch(f"{name!r:.100} is {dtype}, whose values are not read")
    return DTYPES[dtype].itemsize


def stream_npy(array: Array) -> Stream:
    """A .npy file of `array`, in row-major order for any strides."""
    header = npy_header(array.dtype, array.shape)
    return Stream(_file_chunks(header, [array]), len(header) + array.nbytes)


@lru_cache(maxsize=256)
def npy_header(dtype: DType, shape: tuple[int, ...]) -> bytes:
    """The header of a .npy file whose elements follow in row-major order."""
    descr = np.lib.format.dtype_to_descr(dtype)
    fields = {"descr": descr, "fortran_order": False, "shape": shape}
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, fields)
    return header.getvalue()


def npy_content(array: Array) -> bytes:
    """A whole .npy file."""
    array = numpy_values(array)
    return npy_header(array.dtype, array.shape) + array.tobytes()


def numpy_values(array: Array) -> Array:
    """bfloat16 and float8, which the npy format lacks, as float32, which has all their values."""
    # Not by the names of the dtypes, which cost as much as a short file.
    return array if array.dtype.isbuiltin == 1 else array.astype(np.float32)


def _file_chunks(header: bytes, tensors: Iterable[Values]) -> Chunks:
    yield header
    for tensor in tensors:
        yield from raw_chunks(tensor)


def raw_chunks(tensor: Values) -> Chunks:
    """The row-major bytes in chunks; those of contiguous memory are not copied."""
    width = DTYPES[dtype_name(tensor)].itemsize
    yield from raw_bytes(tensor, CHUNK_BYTES // width)
