"""Reads and writes `.npz` bodies: an array for each input, an array for each output."""

import io
import zipfile
import zlib

import numpy as np

from app.errors import BodyTooLarge, InvalidInstances, MalformedBody
from app.predict.codecs.tensors.named_arrays import NamedArraysFormat, require_names
from app.predict.codecs.tensors.npy_format import npy_array
from app.predict.headers import Body
from app.predict.json_pointer import escape
from app.predict.media_types import NPZ
from stateserve.checkpoint import Array, npy_header, numpy_values
from stateserve.errors import Fault
from stateserve.model import Arrays
from stateserve.text import MOST_SHOWN, printable

# Of all arrays together, decompressed.
MAX_UNPACKED = 2**27
# The entries of 32 inputs need some kilobytes.
MAX_DIRECTORY = 2**16
PORTION_BYTES = 2**18
SUFFIX = ".npy"
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
END, END_BYTES = b"PK\x05\x06", 22
LOCATOR, LOCATOR_BYTES = b"PK\x06\x07", 20
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)


class TensorNpz(NamedArraysFormat):
    """A zip archive with a `.npy` file for each array."""

    media_type = NPZ

    def _read(self, body: Body) -> Arrays:
        _require_short_directory(body)
        try:
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                entries = archive.infolist()
                names = [entry.filename.removesuffix(SUFFIX) for entry in entries]
                require_names(names, self._inputs)
                _require_plain(entries)
                return {
                    name: _read(archive, name, entry)
                    for name, entry in zip(names, entries, strict=True)
                }
        except BROKEN as error:
            raise MalformedBody(printable(str(error)[:MOST_SHOWN]), 0, "npz") from None

    def _write(self, found: Arrays) -> memoryview:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, array in found.items():
                # With a fixed date: equal answers have equal bytes.
                with archive.open(zipfile.ZipInfo(f"{name}{SUFFIX}"), "w") as file:
                    values = np.require(numpy_values(array), requirements="C")
                    file.write(npy_header(values.dtype, values.shape))
                    content = values.reshape(-1).view(np.uint8).data
                    for start in range(0, len(content), PORTION_BYTES):
                        file.write(content[start : start + PORTION_BYTES])
        return stream.getbuffer()


def _require_short_directory(body: Body) -> None:
    """Require an end record of a short directory, because zipfile reads all of its entries."""
    end = body.rfind(END, max(0, len(body) - 2**16 - END_BYTES))
    if end < 0 or end + END_BYTES > len(body):
        raise MalformedBody("no end of a zip archive", len(body), "npz")
    size = int.from_bytes(body[end + 12 : end + 16], "little")
    if size > MAX_DIRECTORY or body[max(0, end - LOCATOR_BYTES) : end].startswith(LOCATOR):
        raise BodyTooLarge(f"an npz whose directory has more than {MAX_DIRECTORY} bytes")


def _require_plain(entries: list[zipfile.ZipInfo]) -> None:
    for entry in entries:
        if entry.compress_type not in METHODS or entry.flag_bits & 1:
            raise MalformedBody("an entry that is encrypted, or not deflated", 0, "npz")
    total = sum(entry.file_size for entry in entries)
    if total > MAX_UNPACKED:
        raise BodyTooLarge(f"an npz of {total} bytes unpacked; at most {MAX_UNPACKED} are read")


def _read(archive: zipfile.ZipFile, name: str, entry: zipfile.ZipInfo) -> Array:
    content = np.empty(entry.file_size, np.uint8).data
    with archive.open(entry) as file:
        # In portions: read() would decompress all that follows at once, and copy it again and
        # again while no other thread runs.
        at = 0
        while found := file.read(min(PORTION_BYTES, entry.file_size - at)):
            content[at : at + len(found)] = found
            at += len(found)
    if at < entry.file_size:
        raise MalformedBody(f"{printable(name)} is cut off", 0, "npz")
    try:
        return npy_array(content)
    except InvalidInstances as error:
        faults = [Fault(f"/{escape(name)}", fault.detail) for fault in error.faults]
        raise InvalidInstances(faults) from None
    except MalformedBody as error:
        raise MalformedBody(f"{printable(name)}: {error}", 0, "npz") from None
