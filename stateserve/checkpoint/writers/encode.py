"""Encode a state_dict as a file, in the format of its suffix.

.pth          torch.save: a zip archive of raw storages and a small pickle (recommended)
.safetensors  a JSON header and raw bytes, no pickle at all
.pickle       pickle.dump of the state_dict, as the article shows first
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from stateserve.checkpoint.arrays import Values
from stateserve.checkpoint.writers.stream import Stream, stream_safetensors
from stateserve.checkpoint.writers.torch_file import stream_pickle, stream_pth
from stateserve.errors import UnreadableCheckpoint

CODECS: dict[str, Callable[[Mapping[str, Values]], Stream]] = {
    ".pth": stream_pth,
    ".safetensors": stream_safetensors,
    ".pickle": stream_pickle,
}


def encode_state(state: Mapping[str, Values], path: Path) -> bytes:
    """Encode `state` in the format of the suffix of `path`.

    Raises UnreadableCheckpoint for another suffix, and StateMismatch for a dtype that the format
    lacks.
    """
    if path.suffix not in CODECS:
        known = ", ".join(CODECS)
        raise UnreadableCheckpoint(f"{path}: unknown suffix {path.suffix!r}; use {known}")
    return b"".join(CODECS[path.suffix](state).chunks)
