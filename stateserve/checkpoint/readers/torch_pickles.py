"""Read the files of torch.save before torch 1.6, and of pickle.dump.

Source: torch/serialization.py.
"""

import struct
from collections.abc import Sequence
from typing import BinaryIO

from stateserve.checkpoint.dtypes import DTYPES
from stateserve.checkpoint.pickles.objects import Call
from stateserve.checkpoint.pickles.reader import SPARE_BYTES, read_pickle
from stateserve.checkpoint.pickles.tensors import CALLS, WIDTHS, as_source, storage_dtype
from stateserve.checkpoint.sources import Memory, Part, Source, SourceStream, read
from stateserve.checkpoint.storage import Storage
from stateserve.errors import UnreadableCheckpoint

# Source: torch.serialization.MAGIC_NUMBER, of the format before zip archives.
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
MAX_NAME = 100
# Of each of the many that one file may hold.
NESTED_SPARE_BYTES = 2**14


def storage_parts(persistent_id: Sequence[object]) -> tuple[str, str, int]:
    """dtype, key and number of elements of a storage. Raises ValueError."""
    # Checked by type before use: they are from the pickle, and printing or comparing nested lists
    # may never end.
    if type(persistent_id) is not tuple or len(persistent_id) < 5 or persistent_id[0] != "storage":
        raise ValueError("a storage without its parts")
    _, kind, key, _, count = persistent_id[:5]
    if type(key) is not str or len(key) > MAX_NAME or type(count) is not int:
        raise ValueError("a storage of neither a key nor a length")
    return storage_dtype(kind), key, count


def _width(dtype: str) -> int:
    return DTYPES[dtype].itemsize if dtype in DTYPES else WIDTHS[dtype]


def require_length(nbytes: int, dtype: str, count: int) -> None:
    """Raises ValueError unless `nbytes` are the bytes of `count` elements."""
    if nbytes != count * _width(dtype):
        raise ValueError(f"a storage of {nbytes} bytes that claims {count} of {dtype}")


def read_pickled(source: Source) -> object:
    """Read what pickle.dump wrote. Raises CheckpointError."""
    return read_pickle(_stream(source, 0), source, pickle_calls())


def _stream(source: Source, start: int) -> BinaryIO:
    return SourceStream(source, start)


def pickle_calls() -> dict[str, Call]:
    """What a pickle may call, with the files of torch.save that are bytes of the pickle."""
    loaded: dict[int, tuple[object, object]] = {}

    def load(written: object) -> object:
        # By identity: a pickle may refer to the same bytes many times. They are kept alive, so
        # that no other bytes get the same id.
        if id(written) not in loaded:
            loaded[id(written)] = written, read_legacy(as_source(written), NESTED_SPARE_BYTES)
        return loaded[id(written)][1]

    return {**CALLS, "torch.storage._load_from_bytes": load}


def read_legacy(source: Source, spare: int = SPARE_BYTES) -> object:
    """Read torch.save(_use_new_zipfile_serialization=False): five pickles, then the storages.

    They are a magic number, the format's version, the writer's system, the object, and the keys of
    the storages in the order in which their lengths and bytes follow. Raises CheckpointError.
    """
    storages: dict[str, tuple[Storage, int]] = {}

    def load(persistent_id: Sequence[object]) -> object:
        if type(persistent_id) is tuple and persistent_id[:1] == ("module",):
            # A class of a module, and its source code.
            return persistent_id[1]
        dtype, key, count = storage_parts(persistent_id)
        if key not in storages:
            # A part of the file, once the place is known.
            storages[key] = Storage(_Unplaced(count * _width(dtype)), dtype), count
        found = storages[key][0]
        if found.dtype != dtype or persistent_id[5:6] not in ((), (None,)):
            raise ValueError("a storage that is a part of another, as before torch 0.4")
        require_length(found.nbytes, dtype, count)
        return found

    stream = _stream(source, 0)
    magic, _, _ = (read_pickle(stream, source, {}, spare=spare) for _ in range(3))
    if magic != MAGIC_NUMBER:
        raise UnreadableCheckpoint("damaged: not a file of torch.save")
    calls = {name: call for name, call in pickle_calls().items() if "_load_from_bytes" not in name}
    found = read_pickle(stream, source, calls, load, spare=spare)
    keys = read_pickle(stream, source, {}, spare=spare)
    _place(source, stream.tell(), storages, keys)
    return found


class _Unplaced:
    """A source whose bytes have no place yet."""

    def __init__(self, size: int) -> None:
        if size < 0:
            raise ValueError("a storage of a negative length")
        self.size = size

    def read_into(self, start: int, target: memoryview) -> None:
        del start, target
        raise UnreadableCheckpoint("damaged: a storage without a place")


def _place(source: Source, at: int, storages: dict[str, tuple[Storage, int]], keys: object) -> None:
    """Point each storage to its bytes. Raises UnreadableCheckpoint unless all are there."""
    if type(keys) is not list or not all(type(key) is str for key in keys):
        raise UnreadableCheckpoint("damaged: the storages have no list of keys")
    if set(keys) != set(storages) or len(keys) != len(storages):
        raise UnreadableCheckpoint("damaged: not the storages that the pickle refers to")
    for key in keys:
        storage, count = storages[key]
        (written,) = struct.unpack("<q", read(source, at, 8))
        if written != count:
            raise UnreadableCheckpoint(
                f"damaged: a storage of {written} elements that claims {count}"
            )
        storage.source = Part(source, at + 8, storage.nbytes)
        at += 8 + storage.nbytes
    if isinstance(source, Part | Memory) and at != source.size:
        raise UnreadableCheckpoint("damaged: bytes follow the last storage")
