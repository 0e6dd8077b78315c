"""The two formats that hold a pickle: what torch.save writes, and pickle.dump of a state_dict.

The pickles are read by app.opcodes. What they call is here, and does less than torch's own
functions of those names: torch grows a storage that is shorter than its view, and hands out
memory that nothing was read into.
"""

import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from app.errors import CheckpointError, UnreadableCheckpoint
from app.opcodes import read_pickle

# Source: torch.serialization.MAGIC_NUMBER, of the format before the zip archive.
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
MAX_DIMENSIONS = 64
# Each takes 46 bytes of the file, and some 600 of memory.
MAX_ENTRIES = 50_000
ENTRY = b"PK\x01\x02"
STORAGE_TYPES = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
    "torch.ComplexDoubleStorage": torch.complex128,
    "torch.ComplexFloatStorage": torch.complex64,
}
# Those without a storage type of their own.
NEW_TYPES = {
    "torch.uint16": torch.uint16,
    "torch.uint32": torch.uint32,
    "torch.uint64": torch.uint64,
    "torch.float8_e4m3fn": torch.float8_e4m3fn,
    "torch.float8_e4m3fnuz": torch.float8_e4m3fnuz,
    "torch.float8_e5m2": torch.float8_e5m2,
    "torch.float8_e5m2fnuz": torch.float8_e5m2fnuz,
}
PLAIN_DTYPES = {
    dtype for dtype in (*STORAGE_TYPES.values(), *NEW_TYPES.values()) if not dtype.is_complex
}


class Storage(NamedTuple):
    dtype: torch.dtype
    data: bytearray

    @classmethod
    def of(cls, dtype: torch.dtype, data: bytearray, count: int) -> "Storage":
        """Raises ValueError unless `data` has `count` elements."""
        # Looked at before they are used: they come from the pickle, and to print or to compare
        # lists of lists of lists can take for ever.
        if type(count) is not int or type(dtype) is not torch.dtype:
            raise ValueError("a storage of neither a type nor a length")
        if len(data) != count * dtype.itemsize:
            raise ValueError(f"a storage of {len(data)} bytes that claims {count} of {dtype}")
        return cls(dtype, data)


def read_pth(content: bytes) -> object:
    """What torch.save wrote, with a Tensor for each tensor. Raises CheckpointError."""
    try:
        if content.count(ENTRY) > MAX_ENTRIES:
            raise UnreadableCheckpoint(f"the archive has more than {MAX_ENTRIES} entries")
        archive = zipfile.ZipFile(io.BytesIO(content))
        _require_sound(archive, len(content))
        (pickled,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        stream = io.BytesIO(archive.read(pickled))
        load = _storage_loader(archive, pickled.removesuffix("data.pkl"))
    except CheckpointError:
        raise
    except Exception as error:
        # zipfile raises nine types of error for a hostile archive.
        reason = f"not a whole archive written by torch.save ({error!s:.200})"
        raise UnreadableCheckpoint(reason) from None
    return read_pickle(stream, {**CALLS, **STORAGE_TYPES, **DTYPES}, load)


def _require_sound(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse, before anything is allocated, what torch.save never writes."""
    entries = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise UnreadableCheckpoint("has compressed entries, which torch.save never writes")
    if sum(entry.file_size for entry in entries) > size:
        raise UnreadableCheckpoint("the archive claims more bytes than the file has")
    if len({entry.filename for entry in entries}) < len(entries):
        raise UnreadableCheckpoint("the archive has two entries of one name")


def _storage_loader(archive: zipfile.ZipFile, folder: str) -> Callable[[Any], Storage]:
    if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") == b"big":
        raise UnreadableCheckpoint("written by a big-endian machine")
    loaded: dict[str, bytearray] = {}

    def load(persistent_id: Sequence[Any]) -> Storage:
        _, dtype, key, _, count = persistent_id
        name = f"{folder}data/{key:.100}"
        if name not in loaded:
            loaded[name] = _read_entry(archive, name)
        return Storage.of(dtype, loaded[name], count)

    return load


def _read_entry(archive: zipfile.ZipFile, name: str) -> bytearray:
    """One copy in memory, and a writable one, as torch wants it; its check sum is compared."""
    data = bytearray(archive.getinfo(name).file_size)
    with archive.open(name) as file:
        read = cast(io.BufferedIOBase, file).readinto(data)
        if read != len(data) or file.read():
            raise ValueError(f"{name} is cut short")
    return data


def read_pickled(content: bytes) -> object:
    """What pickle.dump wrote of a state_dict. Raises CheckpointError."""
    loaded: dict[int, tuple[bytes, Storage]] = {}

    def load(written: bytes) -> Storage:
        # By identity: the pickle may name the same bytes again and again. They are kept, for
        # other bytes would get the id of those that are gone.
        if id(written) not in loaded:
            loaded[id(written)] = written, _read_storage(written)
        return loaded[id(written)][1]

    names = {**CALLS, **DTYPES, "torch.storage._load_from_bytes": load}
    return read_pickle(io.BytesIO(content), names)


def _read_storage(written: bytes) -> Storage:
    """A storage as torch.save(_use_new_zipfile_serialization=False) writes it: five pickles,
    of which the fourth is the storage's persistent id, then its length and its bytes."""
    stream = io.BytesIO(written)
    magic, _, _, persistent_id, keys = (
        read_pickle(stream, STORAGE_TYPES, lambda persistent_id: persistent_id) for _ in range(5)
    )
    _, dtype, key, _, count, _ = persistent_id
    (written_count,) = struct.unpack("<q", stream.read(8))
    if magic != MAGIC_NUMBER or type(key) is not str or keys != [key]:
        raise ValueError("not a storage")
    storage = Storage.of(dtype, bytearray(stream.read()), count)
    if written_count != count:
        raise ValueError(f"a storage of {written_count} elements that claims {count}")
    return storage


def _rebuild(
    storage: Storage,
    offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    _requires_grad: bool,
    _hooks: object,
    dtype: torch.dtype | None = None,
    _metadata: object = None,
) -> Tensor:
    if not isinstance(storage, Storage) or not len(stride) == len(size) <= MAX_DIMENSIONS:
        raise ValueError("not a tensor")
    dtype = dtype or storage.dtype
    # frombuffer takes no empty buffer; as_strided refuses a view beyond its memory.
    flat = (
        torch.frombuffer(storage.data, dtype=dtype) if storage.data else torch.empty(0, dtype=dtype)
    )
    return flat.as_strided(size, stride, offset)


def _rebuild_parameter(data: Tensor, _requires_grad: bool, _hooks: object) -> Tensor:
    return data


def _empty_dict() -> dict[str, object]:
    return {}


CALLS: dict[str, object] = {
    "collections.OrderedDict": _empty_dict,
    "torch._utils._rebuild_tensor_v2": _rebuild,
    "torch._utils._rebuild_tensor_v3": _rebuild,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
}
DTYPES: dict[str, object] = {"torch.storage.UntypedStorage": torch.uint8, **NEW_TYPES}
