"""A state in several files of a limited size, with an index.

Source: huggingface_hub, "split_torch_state_dict_into_shards"; transformers reads the index.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from stateserve.checkpoint.conversion.cast import CastTensor
from stateserve.checkpoint.open_files import MAX_FILES
from stateserve.checkpoint.shared_memory import identity
from stateserve.errors import InvalidConversion

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
BINARY_UNITS = {"KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*([KMGT]?I?)B?")
Shard = dict[str, CastTensor]


def parse_size(text: str | int) -> int:
    """Bytes, or a text such as "500MB" or "2GiB". Raises InvalidConversion."""
    found = _SIZE.fullmatch(str(text).strip().upper())
    unit = found and {**UNITS, **BINARY_UNITS}.get(found[2])
    size = int(float(found[1]) * unit) if found and unit else 0
    if size < 1:
        raise InvalidConversion(f"--max-shard-size: {text!r:.50} is no size such as 500MB or 2GB")
    return size


def split(tensors: Mapping[str, CastTensor], most: int, *, shares: bool) -> list[Shard]:
    """Parts of at most `most` bytes, in order; a larger tensor has a part of its own.

    If the format `shares` memory, all names of one tensor are in one part.
    """
    shards: list[Shard] = []
    place: dict[object, Shard] = {}
    size = 0
    for name, tensor in tensors.items():
        where = identity(name, tensor) if shares else name
        if where in place:
            place[where][name] = tensor
            continue
        if not shards or size + tensor.nbytes > most:
            shards.append({})
            size = 0
        size += tensor.nbytes
        shards[-1][name] = tensor
        place[where] = shards[-1]
    if len(shards) > MAX_FILES:
        raise InvalidConversion(
            f"--max-shard-size: {most} bytes make {len(shards)} files; at most {MAX_FILES} are read"
        )
    return shards


def shard_paths(target: Path, count: int) -> Iterator[Path]:
    """The names that transformers gives: model-00001-of-00002.safetensors."""
    for number in range(1, count + 1):
        yield target.with_name(f"{target.stem}-{number:05d}-of-{count:05d}{target.suffix}")


def index_path(target: Path) -> Path:
    return target.with_name(f"{target.name}.index.json")


def encode_index(
    files: Mapping[Path, Shard], metadata: Mapping[str, str], *, shares: bool
) -> bytes:
    """The index as transformers writes it: total_size counts shared memory once."""
    weights = {name: path.name for path, shard in files.items() for name in shard}
    tensors = {
        identity(name, tensor) if shares else name: tensor.nbytes
        for shard in files.values()
        for name, tensor in shard.items()
    }
    index = {"metadata": {**metadata, "total_size": sum(tensors.values())}, "weight_map": weights}
    return (json.dumps(index, indent=2, sort_keys=True) + "\n").encode()
