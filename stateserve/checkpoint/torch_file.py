"""Read the two formats that contain a pickle: torch.save's, and pickle.dump of a state_dict.

pickle_reader reads the pickles. The functions that they may call are defined here, stricter
than torch's own: torch enlarges a storage that is shorter than its view, which exposes
uninitialised memory.
"""

import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from stateserve.checkpoint.pickle_reader import read_pickle
from stateserve.errors import CheckpointError, UnreadableCheckpoint

# Source: torch.serialization.MAGIC_NUMBER, of the format before zip archives.
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
MAX_DIMENSIONS = 64
# Each takes 46 bytes of the file, and about 600 of memory.
MAX_ENTRIES = 50_000
ENTRY = b"PK\x01\x02"
PORTION_BYTES = 2**20
Written = bytes | memoryview
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
# The dtypes without a storage type.
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
    """`data` are the bytes, in memory that torch owns and a tensor keeps alive."""

    dtype: torch.dtype
    data: Tensor

    @classmethod
    def of(cls, dtype: torch.dtype, data: Tensor, count: int) -> "Storage":
        """Raises ValueError unless `data` has `count` elements."""
        # Checked before use: they come from the pickle, and printing or comparing nested lists
        # may never end.
        if type(count) is not int or type(dtype) is not torch.dtype:
            raise ValueError("a storage of neither a type nor a length")
        if len(data) != count * dtype.itemsize:
            raise ValueError(f"a storage of {len(data)} bytes that claims {count} of {dtype}")
        return cls(dtype, data)


def read_pth(content: bytes) -> object:
    """Read a file of torch.save. Raises CheckpointError."""
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
    """Refuse archives that torch.save never writes, before any memory is allocated."""
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
    loaded: dict[str, Tensor] = {}

    def load(persistent_id: Sequence[Any]) -> Storage:
        _, dtype, key, _, count = persistent_id
        name = f"{folder}data/{key:.100}"
        if name not in loaded:
            loaded[name] = _read_entry(archive, name)
        return Storage.of(dtype, loaded[name], count)

    return load


def _read_entry(archive: zipfile.ZipFile, name: str) -> Tensor:
    """Read an entry into one copy in memory; zipfile verifies its checksum."""
    data = torch.empty(archive.getinfo(name).file_size, dtype=torch.uint8)
    view = data.numpy().data
    with archive.open(name) as file:
        # In portions, since zipfile copies each.
        for start in range(0, len(view), PORTION_BYTES):
            portion = view[start : start + PORTION_BYTES]
            if cast(io.BufferedIOBase, file).readinto(portion) != len(portion):
                raise ValueError(f"{name} is cut short")
        if file.read():
            raise ValueError(f"{name} is longer than it says")
    return data


def read_pickled(content: bytes) -> object:
    """Read a state_dict that pickle.dump wrote. Raises CheckpointError."""
    loaded: dict[int, tuple[Written, Storage]] = {}

    def load(written: Written) -> Storage:
        # By identity: a pickle may refer to the same bytes many times. They are kept alive, so
        # that no other bytes get the same id.
        if id(written) not in loaded:
            loaded[id(written)] = written, _read_storage(written)
        return loaded[id(written)][1]

    names = {**CALLS, **DTYPES, "torch.storage._load_from_bytes": load}
    return read_pickle(_Stream(content), names)


class _Stream(io.BytesIO):
    """A BytesIO whose large reads return views, not copies."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._content = memoryview(content)

    def read(self, size: int | None = -1, /) -> bytes:
        start, rest = self.tell(), len(self._content) - self.tell()
        if size is None or size < 0 or min(size, rest) < PORTION_BYTES:
            return super().read(size)
        self.seek(start + min(size, rest))
        # Callers of such large reads accept any bytes-like object.
        return cast(bytes, self._content[start : self.tell()])


def _read_storage(written: Written) -> Storage:
    """Read a storage of torch.save(_use_new_zipfile_serialization=False): five pickles, of
    which the fourth is the storage's persistent id, then its length and its bytes."""
    # BytesIO copies a memoryview.
    stream = io.BytesIO(written[:PORTION_BYTES])
    magic, _, _, persistent_id, keys = (
        read_pickle(stream, STORAGE_TYPES, lambda persistent_id: persistent_id) for _ in range(5)
    )
    _, dtype, key, _, count, _ = persistent_id
    (written_count,) = struct.unpack("<q", stream.read(8))
    if magic != MAGIC_NUMBER or type(key) is not str or keys != [key]:
        raise ValueError("not a storage")
    data = torch.empty(len(written) - stream.tell(), dtype=torch.uint8)
    data.numpy()[:] = np.frombuffer(written, np.uint8, offset=stream.tell())
    storage = Storage.of(dtype, data, count)
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
    # as_strided refuses a view beyond the storage.
    return storage.data.view(dtype).as_strided(size, stride, offset)


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
