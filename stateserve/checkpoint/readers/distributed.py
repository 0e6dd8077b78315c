"""Read the folders of torch.distributed.checkpoint: a pickle of places, and files of tensors.

Source: torch/distributed/checkpoint/metadata.py and filesystem.py.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from stateserve.checkpoint.content import MAX_DEPTH
from stateserve.checkpoint.dtypes import DTYPES, Array
from stateserve.checkpoint.pickles.objects import Global, Key, Opaque
from stateserve.checkpoint.readers.torch_pickles import read_pickled
from stateserve.checkpoint.readers.torch_zip import read_archive
from stateserve.checkpoint.readers.zip_archive import ZipArchive
from stateserve.checkpoint.sources import File, Memory, Part, Source
from stateserve.checkpoint.storage import Storage
from stateserve.checkpoint.tensors import LazyTensor, checked_shape
from stateserve.errors import UnreadableCheckpoint

METADATA = ".metadata"
MODULE = "torch.distributed.checkpoint.metadata."
Open = Callable[[str], File]
Fields = dict[str, Any]
# A file, the first of its bytes, and the one after the last.
Span = tuple[str, int, int]


class JoinedTensor(LazyTensor):
    """A tensor in pieces, each with its first index and the bytes of a torch.save archive.

    `held` is the number of the bytes of all pieces, those that several pieces share once.
    """

    def __init__(
        self,
        dtype: str,
        shape: tuple[int, ...],
        pieces: Sequence[tuple[tuple[int, ...], Source]],
        held: int,
    ) -> None:
        super().__init__(Storage(Memory(b"")), dtype, (0,))
        self.shape, self._pieces, self._held = shape, pieces, held

    @property
    def contiguous(self) -> bool:
        return False

    def require_held(self) -> None:
        if self.nbytes > self._held:
            raise UnreadableCheckpoint("claims more elements than its pieces have")

    def array(self) -> Array:
        self.require_held()
        return self._view()

    def _view(self) -> Array:
        joined = np.empty(self.shape, self.numpy_dtype)
        count = 0
        for start, source in self._pieces:
            piece = read_archive(ZipArchive(source))
            if not isinstance(piece, LazyTensor) or piece.dtype != self.dtype:
                raise UnreadableCheckpoint("a piece of it is not such a tensor")
            place = tuple(slice(at, at + n) for at, n in zip(start, piece.shape, strict=False))
            if len(start) != joined.ndim or joined[place].shape != piece.shape:
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
        pieces = _Pieces(fields["storage_data"], open_file)
        paths = fields.get("planner_data")
        tree: dict[object, object] = {}
        for name, entry in fields["state_dict_metadata"].items():
            _insert(tree, _path(name, paths), _entry(name, entry, pieces))
        return tree
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnreadableCheckpoint(f"{METADATA} is damaged: {error!s:.200}") from None


def _path(name: str, paths: object) -> tuple[object, ...]:
    """The keys of a nested dict, of which torch made one name."""
    path = paths.get(name) if isinstance(paths, dict) else None
    if type(path) is not tuple or not 0 < len(path) <= MAX_DEPTH:
        return (name,)
    return path if all(type(key) in (str, int) for key in path) else (name,)


def _fields(value: object) -> Fields:
    if not isinstance(value, Opaque) or not isinstance(value.state, dict):
        raise ValueError("an object without its fields")
    return value.state


class _Pieces:
    """The places of all pieces, by name and first index, of which each is taken once."""

    def __init__(self, storage: Mapping[object, object], open_file: Open) -> None:
        self._open = open_file
        self._places: dict[str, Fields] = {}
        self._sizes: dict[str, int] = {}
        self._values = 0
        for key, value in storage.items():
            index = _fields(key.value) if isinstance(key, Key) else {}
            start = checked_shape(index.get("offset") or ())
            self._places[_key(index["fqn"], start)] = _fields(value)

    def take(self, name: str, start: tuple[int, ...] = ()) -> tuple[Part, Span]:
        """Raises ValueError for a piece that has no place, or is taken twice."""
        place = self._places.pop(_key(name, start), {})
        file, at, length = (place.get(field) for field in ("relative_path", "offset", "length"))
        if type(file) is not str or type(at) is not int or type(length) is not int:
            raise ValueError(f"a piece of {name!r:.100} has no place")
        opened = self._open(file)
        self._sizes[file] = opened.size
        return Part(opened, at, length), (file, at, at + length)

    def value(self, name: str) -> object:
        """A value that is no tensor. Raises ValueError if many share their bytes."""
        part, _ = self.take(name)
        self._values += part.size
        if self._values > sum(self._sizes.values()):
            raise ValueError(f"{name!r:.100} shares its bytes with other values")
        return read_archive(ZipArchive(part), nested=True)

    def tensor(self, name: str, fields: Fields) -> JoinedTensor:
        shape = checked_shape(fields["size"])
        pieces, spans = [], []
        for chunk in fields["chunks"]:
            start = checked_shape(_fields(chunk)["offsets"])
            if len(start) != len(shape):
                raise ValueError("a piece of other axes")
            part, span = self.take(name, start)
            pieces.append((start, part))
            spans.append(span)
        return JoinedTensor(_dtype(fields["properties"]), shape, pieces, _distinct(spans))


def _distinct(spans: list[Span]) -> int:
    """The number of the bytes of all spans, each byte once."""
    count, last, reached = 0, "", 0
    for file, start, end in sorted(spans):
        reached = max(start, reached if file == last else 0)
        count, last = count + max(0, end - reached), file
        reached = max(reached, end)
    return count


def _key(name: object, start: tuple[int, ...]) -> str:
    # A text: others choose the numbers, and tuples of numbers of their choice hash alike.
    if type(name) is not str:
        raise ValueError("a piece without a name")
    return f"{start} {name}"


def _dtype(properties: object) -> str:
    """The first of the properties, which are a tuple, or attributes in older files."""
    state = properties.state if isinstance(properties, Opaque) else None
    dtype = state.get("dtype") if isinstance(state, dict) else state[0] if state else None  # type: ignore[index]
    name = dtype.name.removeprefix("torch.") if isinstance(dtype, Global) else "an unknown dtype"
    return name if name in DTYPES else f"dtype {name}"


def _entry(name: str, entry: object, pieces: _Pieces) -> object:
    if isinstance(entry, Opaque) and entry.name == f"{MODULE}BytesStorageMetadata":
        return pieces.value(name)
    try:
        return pieces.tensor(name, _fields(entry))
    except ValueError as error:
        raise ValueError(f"{name!r:.100}: {error}") from None


def _insert(tree: dict[object, object], path: tuple[object, ...], value: object) -> None:
    node: Any = tree
    for key in path[:-1]:
        node = node.setdefault(key, {})
    if path[-1] in node:
        raise ValueError(f"two entries are at {'/'.join(map(str, path))!r:.100}")
    node[path[-1]] = value
