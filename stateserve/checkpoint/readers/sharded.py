"""Read a state that is in several files, by its index: a JSON file with the file of each tensor.

Source: huggingface_hub, "split_torch_state_dict_into_shards".
"""

from collections.abc import Callable
from typing import Any

from stateserve.checkpoint.sources import File, Source, read
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.errors import CheckpointError, SeveralFiles, UnreadableCheckpoint
from stateserve.json_document import read_json

MAX_INDEX_BYTES = 2**25
MAX_FILES = 1000
ReadFile = Callable[[Source], tuple[object, dict[str, str]]]


def read_sharded(
    source: Source, open_file: Callable[[str], File], read_file: ReadFile
) -> tuple[dict[str, object], dict[str, str]]:
    """The tensors in the order of the index, and the metadata of all files.

    Raises CheckpointError.
    """
    weights, metadata = _read_index(source)
    names = dict.fromkeys(weights.values())
    if len(names) > MAX_FILES:
        raise UnreadableCheckpoint(f"the index names more than {MAX_FILES} files")
    shards: dict[str, dict[str, object]] = {}
    for name in names:
        shards[name], text = _read_shard(name, open_file, read_file)
        metadata = {**text, **metadata}
    found: dict[str, object] = {}
    for tensor, name in weights.items():
        if not isinstance(shards[name].get(tensor), LazyTensor):
            raise UnreadableCheckpoint(f"{name!r:.100} lacks {tensor!r:.100}, which the index has")
        found[tensor] = shards[name][tensor]
    return found, metadata


def _read_index(source: Source) -> tuple[dict[str, str], dict[str, str]]:
    if source.size > MAX_INDEX_BYTES:
        raise UnreadableCheckpoint(f"an index of more than {MAX_INDEX_BYTES} bytes")
    try:
        index: Any = read_json(read(source, 0, source.size))
        if "schema_version" in index:
            raise UnreadableCheckpoint("a model card, not a checkpoint; name the file beside it")
        weights, metadata = index["weight_map"], index.get("metadata") or {}
        if not weights or not all(type(name) is str for name in weights.values()):
            raise ValueError("its weight_map is not of tensors and files")
        return weights, {key: str(value) for key, value in metadata.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = "no weight_map" if isinstance(error, KeyError | TypeError) else f"{error!s:.200}"
        raise UnreadableCheckpoint(
            f"a JSON file, but not the index of a checkpoint ({reason})"
        ) from None


def _read_shard(
    name: str, open_file: Callable[[str], File], read_file: ReadFile
) -> tuple[dict[str, object], dict[str, str]]:
    try:
        root, metadata = read_file(open_file(name))
    except SeveralFiles:
        raise
    except CheckpointError as error:
        raise type(error)(f"a shard cannot be read: {error}") from None
    if not isinstance(root, dict):
        raise UnreadableCheckpoint(f"the shard {name!r:.100} is not a state_dict")
    return root, metadata
