"""The three formats of a state_dict, chosen by suffix. Reading none of them runs code.

.pth          torch.save: a zip archive of raw storages and a small pickle (recommended)
.safetensors  a JSON header and raw bytes, no pickle at all
.pickle       pickle.dump of the state_dict, as the article shows first
"""

import collections
import io
import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from stateserve.checkpoint.files import read_regular_file
from stateserve.checkpoint.torch_file import PLAIN_DTYPES, read_pickled, read_pth
from stateserve.errors import CheckpointError, StateMismatch, UnreadableCheckpoint

# safetensors allows headers of 100 MB, which take a gigabyte to parse.
MAX_HEADER_BYTES = 2**23
State = dict[str, Tensor]


def read_state(path: Path) -> State:
    """Read the state_dict in `path`: contiguous CPU tensors that own their memory.

    Raises UnreadableCheckpoint, UnsafeCheckpoint or StateMismatch: one line that begins
    with the path.
    """
    codec = _codec(path)
    content = read_regular_file(path)
    try:
        return _own_tensors(codec.read(content), len(content))
    except CheckpointError as error:
        raise type(error)(f"{path}: {error}") from None


def encode_state(state: Mapping[str, Tensor], path: Path) -> bytes:
    """Encode `state` in the format of the suffix of `path`."""
    return _codec(path).write(state)


def _own_tensors(state: object, size: int) -> State:
    """Copy tensors that share memory, or whose storage is larger than they are; keep the rest."""
    if not isinstance(state, Mapping):
        raise StateMismatch(f"holds a {type(state).__name__}, not a state_dict")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            kind = type(tensor).__name__
            raise StateMismatch(
                f"entry {name!r:.100} is a {kind}, not a tensor: this is not a state_dict"
            )
        if tensor.dtype not in PLAIN_DTYPES:
            raise StateMismatch(f"{name!r:.100} is {tensor.dtype}, which is not served or shown")
        # A view with repeated strides can claim far more elements than its file holds.
        if tensor.nbytes > tensor.untyped_storage().nbytes():
            raise StateMismatch(f"{name!r:.100} claims more elements than the file holds")
    if not state:
        raise StateMismatch("holds an empty state_dict")
    # Two tensors may share one storage, such as tied embeddings; many may not.
    if sum(tensor.nbytes for tensor in state.values()) > 2 * size:
        raise StateMismatch("the tensors claim more than twice the file's bytes")
    shared = collections.Counter(tensor.untyped_storage().data_ptr() for tensor in state.values())
    return {
        name: tensor if _owns(tensor) and shared[tensor.data_ptr()] == 1 else _copy(tensor)
        for name, tensor in state.items()
    }


def _owns(tensor: Tensor) -> bool:
    return tensor.is_contiguous() and tensor.nbytes == tensor.untyped_storage().nbytes()


def _copy(tensor: Tensor) -> Tensor:
    return tensor.clone(memory_format=torch.contiguous_format)


def _read_safetensors(content: bytes) -> object:
    if int.from_bytes(content[:8], "little") > MAX_HEADER_BYTES:
        raise UnreadableCheckpoint(f"a safetensors header of more than {MAX_HEADER_BYTES} bytes")
    try:
        tensors = safetensors.torch.load(content)
        _require_unique_names(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise UnreadableCheckpoint(f"not a whole safetensors file ({error})") from None
    return tensors


def _require_unique_names(content: bytes) -> None:
    def refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("two entries of one name")
        return dict(pairs)

    end = 8 + int.from_bytes(content[:8], "little")
    json.loads(content[8:end], object_pairs_hook=refuse_repeats)


def _write_pth(state: Mapping[str, Tensor]) -> bytes:
    buffer = io.BytesIO()
    torch.save(collections.OrderedDict(state), buffer)
    return buffer.getvalue()


def _write_safetensors(state: Mapping[str, Tensor]) -> bytes:
    return safetensors.torch.save(dict(state))


def _write_pickle(state: Mapping[str, Tensor]) -> bytes:
    return pickle.dumps(collections.OrderedDict(state))


class Codec(NamedTuple):
    read: Callable[[bytes], object]
    write: Callable[[Mapping[str, Tensor]], bytes]


CODECS = {
    ".pth": Codec(read_pth, _write_pth),
    ".safetensors": Codec(_read_safetensors, _write_safetensors),
    ".pickle": Codec(read_pickled, _write_pickle),
}


def _codec(path: Path) -> Codec:
    try:
        return CODECS[path.suffix]
    except KeyError:
        known = ", ".join(CODECS)
        raise UnreadableCheckpoint(f"{path}: unknown suffix {path.suffix!r}; use {known}") from None
