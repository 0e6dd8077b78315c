"""Read the zip archives of torch.save.

Source: torch/serialization.py; torch/csrc/jit/serialization/pickler.cpp for TorchScript.
"""

import io
from collections.abc import Sequence

from stateserve.checkpoint.pickles.reader import SPARE_BYTES, read_pickle
from stateserve.checkpoint.readers.torch_pickles import (
    NESTED_SPARE_BYTES,
    pickle_calls,
    require_length,
    storage_parts,
)
from stateserve.checkpoint.readers.zip_archive import ZipArchive
from stateserve.checkpoint.sources import Memory
from stateserve.checkpoint.storage import Storage
from stateserve.errors import UnreadableCheckpoint

# The pickles of an archive are read into memory.
MAX_PICKLE_BYTES = 2**28


def _read_archive_pickle(archive: ZipArchive, name: str, folder: str, spare: int) -> object:
    """Read the pickle `name` of an archive of torch, whose storages are in `folder`."""
    content = archive.read(name, MAX_PICKLE_BYTES)
    stream, source = io.BytesIO(content), Memory(content)
    load = _ArchiveStorages(archive, folder).load
    return read_pickle(stream, source, pickle_calls(), load, archive.size, spare)


def data_pickles(archive: ZipArchive) -> list[str]:
    """The names of the pickles that have the tensors: one, in an archive of torch.save."""
    return [name for name in archive.entries if f"/{name}".endswith("/data.pkl")]


def read_archive(archive: ZipArchive, *, nested: bool = False) -> object:
    """Read an archive of torch.save, whatever its folder is called; `nested` if it is one of many
    in one file. Raises CheckpointError.
    """
    pickles = data_pickles(archive)
    if len(pickles) != 1:
        raise UnreadableCheckpoint("not a whole archive written by torch.save: it has no data.pkl")
    folder = pickles[0].removesuffix("data.pkl")
    spare = NESTED_SPARE_BYTES if nested else SPARE_BYTES
    return _read_archive_pickle(archive, pickles[0], f"{folder}data/", spare)


class _ArchiveStorages:
    def __init__(self, archive: ZipArchive, folder: str) -> None:
        self._archive, self._folder = archive, folder
        root = folder.removesuffix("data/")
        order = f"{root}byteorder"
        self._big = order in archive.entries and archive.read(order, 16) == b"big"
        self._loaded: dict[str, Storage] = {}

    def load(self, persistent_id: Sequence[object]) -> Storage:
        dtype, key, count = storage_parts(persistent_id)
        if key not in self._loaded:
            name = f"{self._folder}{key}"
            source, crc = self._archive.part(name), self._archive.crc(name)
            self._loaded[key] = Storage(source, dtype, self._big, crc)
        found = self._loaded[key]
        require_length(found.nbytes, dtype, count)
        return found if found.dtype == dtype else _recast(found, dtype)


def _recast(storage: Storage, dtype: str) -> Storage:
    return Storage(storage.source, dtype, storage.big_endian, storage.crc)
