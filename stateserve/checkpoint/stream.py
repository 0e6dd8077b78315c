"""Encode tensors chunk by chunk, so that no format needs a second copy in memory."""

import collections
import io
import json
import os
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from stateserve.checkpoint.chunks import Array, array_chunks
from stateserve.checkpoint.sha256 import raw_bytes

# Large enough that the cost per chunk is small, and small enough that sending one blocks the
# event loop for tens of microseconds only.
CHUNK_BYTES = 2**18
SAFETENSORS_DTYPES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "uint32": "U32",
    "int32": "I32",
    "uint64": "U64",
    "int64": "I64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2": "F8_E5M2",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
}


Chunks = Generator[bytes | memoryview, None, None]


class Stream(NamedTuple):
    """Chunks of a few hundred KiB, and their total length in bytes if it is known beforehand."""

    chunks: Chunks
    length: int | None


def stream_safetensors(tensors: Mapping[str, Tensor | Array]) -> Stream:
    """A safetensors file of tensors, arrays or both; contiguous ones are not copied.

    Source: github.com/huggingface/safetensors, "Format".
    """
    # The widest dtypes first, so that each tensor is aligned if a reader maps the file.
    order = sorted(tensors, key=lambda name: -tensors[name].dtype.itemsize)
    fields, end = {}, 0
    for name in order:
        tensor = tensors[name]
        start, end = end, end + tensor.nbytes
        fields[name] = {
            "dtype": SAFETENSORS_DTYPES[str(tensor.dtype).removeprefix("torch.")],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(fields, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    header = len(text).to_bytes(8, "little") + text
    return Stream(_file_chunks(header, [tensors[name] for name in order]), len(header) + end)


def stream_npy(array: Array) -> Stream:
    """A .npy file of `array`, in row-major order for any strides."""
    header = npy_header(array.dtype, array.shape)
    return Stream(_file_chunks(header, [array]), len(header) + array.nbytes)


def npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """The header of a .npy file whose elements follow in row-major order."""
    descr = np.lib.format.dtype_to_descr(dtype)
    fields = {"descr": descr, "fortran_order": False, "shape": shape}
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, fields)
    return header.getvalue()


def stream_pth(state: Mapping[str, Tensor]) -> Stream:
    """The file that torch.save writes; its length is not known before the end."""
    return Stream(_pth_chunks(state), None)


def _pth_chunks(state: Mapping[str, Tensor]) -> Chunks:
    # torch.save writes and the caller reads: a pipe makes each wait for the other. If the
    # reading end is closed, for instance by a client that disconnects, the next write fails.
    reader, writer = os.pipe()
    thread = ThreadPoolExecutor(1, "torch.save")
    with open(reader, "rb", buffering=0) as pipe:
        saved = thread.submit(_save, state, writer)
        thread.shutdown(wait=False)
        while chunk := pipe.read(CHUNK_BYTES):
            yield chunk
    # The stream of a failed save must not look complete.
    saved.result()


def _save(state: Mapping[str, Tensor], writer: int) -> None:
    with open(writer, "wb") as file:
        torch.save(collections.OrderedDict(state), file)


def _file_chunks(header: bytes, tensors: list[Tensor | Array]) -> Chunks:
    yield header
    for tensor in tensors:
        yield from _raw_chunks(tensor)


def _raw_chunks(tensor: Tensor | Array) -> Chunks:
    if isinstance(tensor, Tensor):
        yield from _split(raw_bytes(tensor))
    elif tensor.flags.c_contiguous:
        yield from _split(tensor.reshape(-1).view(np.uint8).data)
    else:
        for chunk in array_chunks(tensor, CHUNK_BYTES // tensor.itemsize, tensor.dtype):
            yield chunk.tobytes()


def _split(content: memoryview) -> Chunks:
    for start in range(0, len(content), CHUNK_BYTES):
        yield content[start : start + CHUNK_BYTES]
