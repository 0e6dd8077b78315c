"""Write the files of torch.save and pickle.dump, chunk by chunk, without torch."""

import pickle
import struct
from collections.abc import Callable, Mapping

from stateserve.checkpoint.arrays import Values, dtype_name
from stateserve.checkpoint.readers.torch_pickles import MAGIC_NUMBER
from stateserve.checkpoint.shared_memory import identity
from stateserve.checkpoint.writers.pickle import (
    CLASSES,
    STOP,
    count,
    ended_state,
    persistent_id,
    rebuilt,
    started_state,
    text,
)
from stateserve.checkpoint.writers.stream import Chunks, Stream, element_bytes, raw_chunks
from stateserve.checkpoint.writers.zip_archive import Content, stream_zip
from stateserve.errors import StateMismatch

FOLDER = "archive"
# Stands for a storage; not in UTF-8.
GAP = b"\xff\xfe"
LEGACY_VERSION = 1001
LEGACY_SYSTEM = {
    "protocol_version": LEGACY_VERSION,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}


def stream_pth(state: Mapping[str, Values]) -> Stream:
    """A file of torch.save: a zip archive. Names of one tensor share its bytes here, too.

    Raises StateMismatch for a dtype whose values are not read.
    """
    keys = _storage_keys(state)
    stored = {keys[name]: tensor for name, tensor in state.items()}
    pickled = _pickled(state, lambda name: persistent_id(state[name], keys[name]))
    contents = [
        Content(f"{FOLDER}/data.pkl", len(pickled), [pickled]),
        Content(f"{FOLDER}/byteorder", 6, [b"little"]),
        *(
            Content(f"{FOLDER}/data/{key}", tensor.nbytes, raw_chunks(tensor))
            for key, tensor in stored.items()
        ),
        Content(f"{FOLDER}/version", 2, [b"3\n"]),
    ]
    return stream_zip(contents)


def _pickled(state: Mapping[str, Values], storage: Callable[[str], bytes]) -> bytes:
    entries = (text(name) + rebuilt(tensor, storage(name)) for name, tensor in state.items())
    return started_state() + b"".join(entries) + ended_state()


def _storage_keys(state: Mapping[str, Values]) -> dict[str, str]:
    """A key for each name; names of the same elements of the same memory have the same key."""
    keys: dict[object, str] = {}
    for name, tensor in state.items():
        element_bytes(name, tensor)
    return {
        name: keys.setdefault(identity(name, tensor), str(len(keys)))
        for name, tensor in state.items()
    }


def stream_legacy_pth(state: Mapping[str, Values]) -> Stream:
    """A file of torch.save before torch 1.6.

    Raises StateMismatch for a dtype that torch did not have then, such as float8.
    """
    _require_classes(state)
    keys = _storage_keys(state)
    stored = {keys[name]: tensor for name, tensor in state.items()}
    pickled = _pickled(state, lambda name: persistent_id(state[name], keys[name], legacy=True))
    header = _legacy_header() + pickled + pickle.dumps(list(stored), 2)
    length = len(header) + sum(8 + tensor.nbytes for tensor in stored.values())
    return Stream(_legacy_chunks(header, stored), length)


def _legacy_header() -> bytes:
    parts = (MAGIC_NUMBER, LEGACY_VERSION, LEGACY_SYSTEM)
    return b"".join(pickle.dumps(part, 2) for part in parts)


def _legacy_chunks(header: bytes, stored: Mapping[str, Values]) -> Chunks:
    yield header
    for tensor in stored.values():
        yield struct.pack("<q", count(tensor))
        yield from raw_chunks(tensor)


def stream_pickle(state: Mapping[str, Values]) -> Stream:
    """A pickle.dump of the state_dict.

    Raises StateMismatch for a dtype that torch cannot read from a pickle, such as float8.
    """
    _require_classes(state)
    keys = _storage_keys(state)
    parts: list[bytes | Values] = [started_state()]
    begun: set[str] = set()
    for name, tensor in state.items():
        key = keys[name]
        before, after = _split(text(name) + rebuilt(tensor, GAP))
        place = struct.pack("<I", int(key))
        if key in begun:
            parts.append(before + b"j" + place + after)
        else:
            begun.add(key)
            parts += [before + _storage_start(tensor), tensor, b"\x85Rr" + place + after]
    parts.append(ended_state())
    length = sum(len(part) if isinstance(part, bytes) else part.nbytes for part in parts)
    return Stream(_joined(parts), length)


def _require_classes(state: Mapping[str, Values]) -> None:
    for name, tensor in state.items():
        if dtype_name(tensor) not in CLASSES:
            raise StateMismatch(
                f"{name!r:.100} is {dtype_name(tensor)}, which torch reads from no such file; "
                "choose .pth or .safetensors"
            )


def _split(pickled: bytes) -> tuple[bytes, bytes]:
    before, _, after = pickled.rpartition(GAP)
    return before, after


def _storage_start(tensor: Values) -> bytes:
    """The call of a function that reads a storage, until the storage's bytes."""
    key = "0"
    header = _legacy_header() + b"\x80\x02" + persistent_id(tensor, key, legacy=True) + STOP
    header += pickle.dumps([key], 2) + struct.pack("<q", count(tensor))
    length = len(header) + tensor.nbytes
    size = (
        b"B" + struct.pack("<I", length) if length < 2**32 else b"\x8e" + struct.pack("<Q", length)
    )
    return b"ctorch.storage\n_load_from_bytes\n" + size + header


def _joined(parts: list[bytes | Values]) -> Chunks:
    for part in parts:
        if isinstance(part, bytes):
            yield part
        else:
            yield from raw_chunks(part)
