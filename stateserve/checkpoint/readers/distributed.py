"""Read the folders of torch.distributed.checkpoint: a pickle of places, and files of tensors.

Source: torch/distributed/checkpoint/metadata.py and filesystem.py.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint.dtypes import DTYPES
from stateserve.checkpoint.pickles.objects import Global, Key, Opaque
from stateserve.checkpoint.readers.torch_file import read_archive, read_pickled
from stateserve.checkpoint.readers.zip_archive import ZipArchive
from stateserve.checkpoint.sources import File, Memory, Part, Source
from stateserve.checkpoint.storage import Storage
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.errors import UnreadableCheckpoint

METADATA = ".metadata"
MODULE = "torch.distributed.checkpoint.metadata."
Open = Callable[[str], File]
Place = tuple[str, tuple[int, ...]]


class JoinedTensor(LazyTensor):
    """A tensor in pieces, each with its first index and the bytes of a torch.save archive."""

    def __init__(
        self, dtype: str, shape: tuple[int, ...], pieces: Sequence[tuple[tuple[int, ...], Source]]
    ) -> None:
        super().__init__(Storage(Memory(b"")), dtype, (0,))
        self.shape, self._pieces = shape, pieces

    @property
    def contiguous(self) -> bool:
        return False

    def require_held(self) -> None:
        if self.nbytes > sum(source.size for _, source in self._pieces):
            raise UnreadableCheckpoint("claims more elements than its pieces have")

    def array(self) -> NDArray[Any]:
        self.require_held()
        return self._view()

    def _view(self) -> NDArray[Any]:
        joined = np.empty(self.shape, self.numpy_dtype)
        count = 0
        for start, source in self._pieces:
            piece = read_archive(ZipArchive(source))
            if not isinstance(piece, LazyTensor) or piece.dtype != self.dtype:
                raise UnreadableCheckpoint("a piece of it is not such a tensor")
            place = tuple(slice(at, at + n) for at, n in zip(start, piece.shape, strict=True))
            if joined[place].shape != piece.shape:
                raise UnreadableCheckpoint("a piece of it is outside of the tensor")
            joined[place] = piece.array()
            piece.storage.verify()
            count += piece.size
        if count != joined.size:
            raise UnreadableCheckpoint("its pieces overlap, or leave a gap")
        return joined


def read_distributed(metadata: Source, open_file: Open) -> object:
    """The content as one tree. Raises UnreadableCheckpoint."""
    root = read_pickled(metadata)
    try:
        if not isinstance(root, Opaque) or root.name != f"{MODULE}Metadata":
            raise ValueError("not a Metadata")
        fields = _fields(root)
        places = dict(_places(fields["storage_data"]))
        paths = fields.get("planner_data")
        tree: dict[object, object] = {}
        for name, entry in fields["state_dict_metadata"].items():
            value = _entry(name, entry, places, open_file)
            _insert(tree, _path(name, paths), value)
        return tree
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnreadableCheckpoint(f"{METADATA} is damaged: {error!s:.200}") from None


def _path(name: str, paths: object) -> tuple[object, ...]:
    """The keys of a nested dict, of which torch made one name."""
    path = paths.get(name) if isinstance(paths, dict) else None
    if type(path) is tuple and path and all(type(key) in (str, int) for key in path):
        return path
    return (name,)


def _fields(value: object) -> dict[str, Any]:
    if not isinstance(value, Opaque) or not isinstance(value.state, dict):
        raise ValueError("an object without its fields")
    return value.state


def _places(storage: Mapping[object, object]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The file, offset and length of each piece, by name and first index."""
    for key, value in storage.items():
        index = _fields(key.value) if isinstance(key, Key) else {}
        offset = index.get("offset")
        yield (index["fqn"], tuple(offset or ())), _fields(value)


def _entry(
    name: str, entry: object, places: Mapping[Place, dict[str, Any]], open_file: Open
) -> object:
    if isinstance(entry, Opaque) and entry.name == f"{MODULE}BytesStorageMetadata":
        return read_archive(ZipArchive(_part(places[name, ()], open_file)))
    fields = _fields(entry)
    starts = [_fields(chunk)["offsets"] for chunk in fields["chunks"]]
    pieces = [(start, _part(places[name, start], open_file)) for start in starts]
    return JoinedTensor(_dtype(fields["properties"]), fields["size"], pieces)


def _dtype(properties: object) -> str:
    """The first of the properties, which are a tuple, or attributes in older files."""
    state = properties.state if isinstance(properties, Opaque) else None
    dtype = state.get("dtype") if isinstance(state, dict) else state[0] if state else None  # type: ignore[index]
    name = dtype.name.removeprefix("torch.") if isinstance(dtype, Global) else "an unknown dtype"
    return name if name in DTYPES else f"dtype {name}"


def _part(place: dict[str, Any], open_file: Open) -> Part:
    name, start, length = (place[field] for field in ("relative_path", "offset", "length"))
    if type(name) is not str or type(start) is not int or type(length) is not int:
        raise ValueError("a piece without a place")
    return Part(open_file(name), start, length)


def _insert(tree: dict[object, object], path: tuple[object, ...], value: object) -> None:
    node: Any = tree
    for key in path[:-1]:
        node = node.setdefault(key, {})
    node[path[-1]] = value
