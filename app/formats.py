"""Three ways to write a state_dict, chosen by suffix, none of which runs code when read.

.pth          torch.save: a zip archive of raw storages and a small pickle (recommended)
.safetensors  a JSON header and raw bytes, no pickle at all
.pickle       pickle.dump of the state_dict, as the article shows first
"""

import collections
import io
import json
import os
import pickle
import re
import stat
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from app.errors import CheckpointError, StateMismatch, UnreadableCheckpoint, UnsafeCheckpoint

State = dict[str, Tensor]


def read_state(path: Path) -> State:
    """Read the state_dict in `path`: contiguous CPU tensors that own their memory.

    Raises UnreadableCheckpoint, UnsafeCheckpoint or StateMismatch, in one line that
    begins with the path.
    """
    codec = _codec(path)
    content = read_regular_file(path)
    try:
        return _own_tensors(codec.read(content))
    except CheckpointError as error:
        raise type(error)(f"{path}: {error}") from None


def encode_state(state: Mapping[str, Tensor], path: Path) -> bytes:
    """The bytes of `state` in the format that the suffix of `path` names."""
    return _codec(path).write(state)


def read_regular_file(path: Path) -> bytes:
    """Read a file once, through one descriptor, so that no check sees another file.

    Raises UnreadableCheckpoint for what is missing, unreadable or not a regular file,
    and for a link that leads out of the file's own folder.
    """
    if path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve()):
        raise UnreadableCheckpoint(f"{path}: a symbolic link out of {path.parent}")
    try:
        # O_NONBLOCK: opening a FIFO must not wait for its writer.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UnreadableCheckpoint(f"{path}: not a regular file")
            return file.read()
    except OSError as error:
        raise UnreadableCheckpoint(f"{path}: {error.strerror or error}") from None


def _own_tensors(state: object) -> State:
    if not isinstance(state, Mapping):
        raise StateMismatch(f"holds a {type(state).__name__}, not a state_dict")
    tensors: State = {}
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            kind = type(tensor).__name__
            raise StateMismatch(
                f"entry {name!r} is a {kind}, not a tensor: this is not a state_dict"
            )
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
            raise StateMismatch(f"{name} is {tensor.layout} {tensor.dtype}, not a plain tensor")
        # A view with repeated strides can claim far more elements than its file holds.
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise StateMismatch(f"{name} claims more elements than the file holds")
        tensors[name] = tensor.detach().clone(memory_format=torch.contiguous_format)
    if not tensors:
        raise StateMismatch("holds an empty state_dict")
    return tensors


def _read_pth(content: bytes) -> object:
    _require_sound_zip(content)
    return _load_weights(content)


def _require_sound_zip(content: bytes) -> None:
    """Refuse, before anything is allocated, what torch.save never writes."""
    try:
        entries = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        reason = f"not a whole archive written by torch.save ({error})"
        raise UnreadableCheckpoint(reason) from None
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise UnreadableCheckpoint("has compressed entries, which torch.save never writes")
    if sum(entry.file_size for entry in entries) > len(content):
        raise UnreadableCheckpoint("the archive claims more bytes than the file has")
    if len({entry.filename for entry in entries}) < len(entries):
        raise UnreadableCheckpoint("the archive has two entries of one name")


def _load_weights(content: bytes) -> object:
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's text is a page of advice, some of it to turn the protection off.
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        raise UnsafeCheckpoint(_why_unsafe(named[1] if named else "pickle code")) from None
    except Exception as error:
        # A hostile file reaches many failures inside torch; each means the same to us.
        raise UnreadableCheckpoint(f"damaged: {str(error).splitlines()[0]}") from None


def _why_unsafe(culprit: str) -> str:
    return (
        f"holds more than a state_dict ({culprit}): loading it would run the file's own code. "
        "If you trust the file: app convert --trust-pickle IN OUT"
    )


class _StateUnpickler(pickle.Unpickler):
    """Admits the three globals of a pickled state_dict; anything else is refused unread."""

    ADMITTED: ClassVar[dict[tuple[str, str], Callable[..., Any]]] = {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
        # The original calls torch.load(weights_only=False) on the bytes inside the pickle.
        ("torch.storage", "_load_from_bytes"): _load_weights,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.ADMITTED[module, name]
        except KeyError:
            raise UnsafeCheckpoint(_why_unsafe(f"{module}.{name}")) from None


def _read_pickle(content: bytes) -> object:
    try:
        return _StateUnpickler(io.BytesIO(content)).load()
    except CheckpointError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnreadableCheckpoint(f"not a whole pickle ({reason})") from None


def _read_safetensors(content: bytes) -> object:
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
    ".pth": Codec(_read_pth, _write_pth),
    ".safetensors": Codec(_read_safetensors, _write_safetensors),
    ".pickle": Codec(_read_pickle, _write_pickle),
}


def _codec(path: Path) -> Codec:
    try:
        return CODECS[path.suffix]
    except KeyError:
        known = ", ".join(CODECS)
        raise UnreadableCheckpoint(f"{path}: unknown suffix {path.suffix!r}; use {known}") from None
