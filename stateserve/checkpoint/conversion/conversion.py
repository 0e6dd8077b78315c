"""A conversion: planned by the headers of the source, then written tensor by tensor."""

import errno
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stateserve.checkpoint.atomic_write import write_atomically
from stateserve.checkpoint.conversion.cast import cast_tensors
from stateserve.checkpoint.conversion.options import AS_IT_IS, ConvertOptions
from stateserve.checkpoint.conversion.shards import (
    Shard,
    encode_index,
    index_path,
    parse_size,
    shard_paths,
    split,
)
from stateserve.checkpoint.conversion.source_state import SourceState, shortened
from stateserve.checkpoint.conversion.tie_policy import untie
from stateserve.checkpoint.writers.formats import SAFETENSORS, choose_format
from stateserve.checkpoint.writers.stream import Chunks, Stream
from stateserve.errors import CheckpointError, InvalidConversion

Done = Callable[[int, int], object]
# What every library writes, and what only an index has.
USUAL_METADATA = {"format", "total_size"}


@dataclass(frozen=True)
class Converted:
    """The written files, an index before its parts; the number of tensors; and notes on what was
    cast, tied, left out, or is unusual."""

    files: list[Path]
    tensors: int
    notes: list[str]


class Conversion:
    """What is to be written. No value is read before `write`.

    `alters_state` says that names or dtypes are others than in the source.
    """

    def __init__(
        self, source: SourceState, target: Path, options: ConvertOptions = AS_IT_IS
    ) -> None:
        """Raises CheckpointError, InvalidNames, or OSError for a target that is no file."""
        _require_place(target)
        self._source, self._target, self._options = source, target, options
        self._format = choose_format(target, legacy=options.legacy)
        named = options.names.apply(source.tensors)
        self._cast = cast_tensors(named, source.label, options)
        untied = untie(self._cast, options.ties, shares=self._format.shares)
        self._tensors, self._notes = untied.tensors, untied.notes
        self._metadata = self._keep_metadata(untied.omitted)
        self._files = dict(self._split())
        self._streams = {path: self._stream(shard) for path, shard in self._files.items()}
        self.alters_state = list(self._tensors) != list(source.tensors) or any(
            tensor.changed for tensor in self._cast.values()
        )

    @classmethod
    def open(cls, source: Path, target: Path, options: ConvertOptions = AS_IT_IS) -> Self:
        """Raises CheckpointError, InvalidNames or OSError."""
        return cls(SourceState.open(source, options.key), target, options)

    def _keep_metadata(self, omitted: Mapping[str, str]) -> dict[str, str]:
        metadata = dict(self._source.metadata)
        metadata.pop("total_size", None)
        if self._format is not SAFETENSORS:
            return metadata
        # transformers refuses a file without a format. The names of ties are as those of
        # safetensors' save_model.
        return {"format": "pt", **omitted, **metadata}

    def _split(self) -> Iterator[tuple[Path, Shard]]:
        shards: list[Shard] = [self._tensors]
        if self._options.max_shard_size is not None:
            most = parse_size(self._options.max_shard_size)
            if not self._format.parts:
                raise InvalidConversion(
                    f"{self._target}: --max-shard-size: no library reads a {self._format.name} "
                    "in several files; use .safetensors or .bin"
                )
            shards = split(self._tensors, most, shares=self._format.shares)
        if len(shards) == 1:
            yield self._target, shards[0]
        else:
            yield from zip(shard_paths(self._target, len(shards)), shards, strict=True)

    def _stream(self, shard: Shard) -> Stream:
        try:
            return self._format.stream(shard, self._metadata)
        except CheckpointError as error:
            raise type(error)(f"{self._target}: {error}") from None

    def _index(self) -> dict[Path, bytes]:
        if len(self._files) == 1:
            return {}
        # A format with a place for metadata has it in each file.
        metadata = {} if self._format.keeps_metadata else self._metadata
        content = encode_index(self._files, metadata, shares=self._format.shares)
        return {index_path(self._target): content}

    def write(
        self, extra: Mapping[Path, bytes] | None = None, done: Done = lambda *_: None
    ) -> Converted:
        """Read, cast and write tensor by tensor; then rename all files, those of `extra` too.

        To be called once. `done` is called with the bytes that are written and all bytes.
        An error before the renaming leaves the old files whole. Raises CheckpointError or OSError.
        """
        index = self._index()
        counted = _Counted(sum(stream.length for stream in self._streams.values()), done)
        contents = {path: counted(stream.chunks) for path, stream in self._streams.items()}
        notes = [*self._source.notes, *self._notes]
        if index and self._target.exists():
            notes.append(f"{self._target.name} is still there; libraries read it before the index")
        write_atomically({**contents, **index, **(extra or {})}, self._source.confirm)
        notes += [*self._cast_notes(), *self._metadata_notes()]
        return Converted([*index, *contents], len(self._tensors), notes)

    def _cast_notes(self) -> Iterator[str]:
        if self._options.dtype is None:
            return
        changed = [tensor for tensor in self._tensors.values() if tensor.changed]
        yield f"cast to {self._options.dtype}: {len(changed)} of {len(self._tensors)} tensors"
        infinite = [name for name, tensor in self._tensors.items() if tensor.overflowed]
        if infinite:
            count = sum(self._tensors[name].overflowed for name in infinite)
            elements = "1 element" if count == 1 else f"{count} elements"
            yield f"became infinite: {elements}, in {shortened(infinite)}"

    def _metadata_notes(self) -> Iterator[str]:
        lost = [name for name in self._metadata if name not in USUAL_METADATA]
        if lost and len(self._files) == 1 and not self._format.keeps_metadata:
            yield f"metadata left out, since the format has no place for it: {shortened(lost)}"


def _require_place(target: Path) -> None:
    if not target.parent.is_dir():
        # Creating the folder would hide a misspelt path.
        raise FileNotFoundError(errno.ENOENT, "No such folder", str(target.parent))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "Is a folder; name a file in it", str(target))


class _Counted:
    def __init__(self, total: int, done: Done) -> None:
        self._total, self._done, self._count = total, done, 0

    def __call__(self, chunks: Chunks) -> Chunks:
        for chunk in chunks:
            yield chunk
            self._count += len(chunk)
            self._done(self._count, self._total)
