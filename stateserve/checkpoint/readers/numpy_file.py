"""Read .npy files and .npz archives. Source: numpy/lib/_format_impl.py, "Format Version 1.0"."""

import io
import warnings

import numpy as np

from stateserve.checkpoint.dtypes import DTYPES, Array
from stateserve.checkpoint.pickles.objects import Opaque
from stateserve.checkpoint.readers.zip_archive import ZipArchive
from stateserve.checkpoint.sources import Memory, Part, Source, read
from stateserve.checkpoint.storage import Storage
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.errors import UnreadableCheckpoint

MAGIC = b"\x93NUMPY"
# numpy refuses longer headers, too.
MAX_HEADER_BYTES = 10_000


def is_npz(archive: ZipArchive) -> bool:
    return bool(archive.entries) and all(name.endswith(".npy") for name in archive.entries)


def read_npz(archive: ZipArchive) -> dict[str, object]:
    """The arrays by name. Raises UnreadableCheckpoint."""
    return {name.removesuffix(".npy"): read_npy(archive.inflated(name)) for name in archive.entries}


def read_npy(source: Source) -> LazyTensor | Opaque:
    """One array; one of what are no numbers is Opaque. Raises UnreadableCheckpoint."""
    head = read(source, 0, min(source.size, MAX_HEADER_BYTES + 16))
    stream = io.BytesIO(head)
    try:
        version = np.lib.format.read_magic(stream)
        parse = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        # Of headers of Python 2, and of text that is no header.
        with warnings.catch_warnings(action="ignore"):
            shape, columns_first, dtype = parse(stream)
        data = Part(source, stream.tell(), source.size - stream.tell())
        return _array(data, dtype, shape, columns_first=columns_first)
    except Exception as error:
        # numpy parses the header as Python text, which fails in many ways.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnreadableCheckpoint(f"not a whole .npy file ({reason:.200})") from None


def decode_npy(content: bytes) -> Array:
    """The array of numbers in a whole .npy file. Raises UnreadableCheckpoint or StateMismatch."""
    found = read_npy(Memory(content))
    if isinstance(found, Opaque):
        raise UnreadableCheckpoint(f"no array of numbers, but {found.name}")
    return found.array()


def _array(
    data: Part, dtype: np.dtype[np.generic], shape: tuple[int, ...], *, columns_first: bool
) -> LazyTensor | Opaque:
    if dtype.name not in DTYPES:
        # Of objects, which are a pickle, or of texts or dates.
        return Opaque(f"numpy.ndarray of {'objects' if dtype.hasobject else dtype.str}")
    storage = Storage(data, dtype.name, big_endian=not dtype.isnative)
    array = LazyTensor(storage, dtype.name, shape, columns_first=columns_first)
    if array.nbytes != data.size:
        raise ValueError(f"{data.size} bytes for an array of {array.nbytes}")
    return array
