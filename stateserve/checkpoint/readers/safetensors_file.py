"""Read safetensors files by their header. Source: github.com/huggingface/safetensors, "Format"."""

from typing import Any

from stateserve.checkpoint.arrays import State
from stateserve.checkpoint.sources import Memory, Part, Source, read
from stateserve.checkpoint.storage import Storage
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.errors import UnreadableCheckpoint
from stateserve.json_document import read_json
from stateserve.text import printable

# safetensors allows headers of 100 MB, which take a gigabyte to parse.
MAX_HEADER_BYTES = 2**23
DTYPES = {
    "BOOL": "bool",
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
    "F8_E4M3": "float8_e4m3fn",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2": "float8_e5m2",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
    "BF16": "bfloat16",
    "C64": "complex64",
}


def read_safetensors(source: Source) -> tuple[dict[str, LazyTensor], dict[str, str]]:
    """The tensors in the order of their bytes, and the metadata. Raises UnreadableCheckpoint."""
    try:
        return _read(source)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UnreadableCheckpoint(f"not a whole safetensors file ({error!s:.200})") from None


def decode_safetensors(content: bytes) -> State:
    """The tensors of a safetensors file in memory, in the file's order.

    Raises UnreadableCheckpoint or StateMismatch.
    """
    tensors, _ = read_safetensors(Memory(content))
    return {name: tensor.array() for name, tensor in tensors.items()}


def _read(source: Source) -> tuple[dict[str, LazyTensor], dict[str, str]]:
    length = int.from_bytes(read(source, 0, 8), "little")
    if length > MAX_HEADER_BYTES:
        raise UnreadableCheckpoint(f"a safetensors header of more than {MAX_HEADER_BYTES} bytes")
    if 8 + length > source.size:
        raise ValueError("its header ends past the end of the file")
    header: Any = read_json(read(source, 8, length))
    if type(header) is not dict:
        raise ValueError("its header is not an object")
    metadata = header.pop("__metadata__", {})
    if type(metadata) is not dict or not all(type(text) is str for text in metadata.values()):
        raise ValueError("its metadata is not text by name")
    data = Part(source, 8 + length, source.size - 8 - length)
    order = sorted(header.items(), key=lambda item: _offsets(item[1]))
    end = 0
    tensors = {}
    for name, fields in order:
        start, stop = _offsets(fields)
        if start != end or stop < start:
            raise ValueError(f"{name!r:.100} overlaps another tensor, or leaves a gap")
        end = stop
        tensors[name] = _tensor(name, fields, Part(data, start, stop - start))
    if end != data.size:
        raise ValueError(f"its tensors end at byte {end} of {data.size}")
    return tensors, metadata


def _offsets(fields: Any) -> tuple[int, int]:
    start, stop = fields["data_offsets"]
    if type(start) is not int or type(stop) is not int:
        raise ValueError("an offset that is no whole number")
    return start, stop


def _tensor(name: str, fields: Any, part: Part) -> LazyTensor:
    shape, kind = fields["shape"], fields["dtype"]
    if type(shape) is not list or type(kind) is not str:
        raise ValueError(f"{name!r:.100} has no shape or dtype")
    dtype = DTYPES.get(kind, printable(kind[:20]))
    try:
        tensor = LazyTensor(Storage(part, dtype), dtype, shape)
    except ValueError as error:
        raise ValueError(f"{name!r:.100} is {error}") from None
    if tensor.nbytes != part.size:
        raise ValueError(f"{name!r:.100} has {part.size} bytes for its shape {shape}")
    return tensor
