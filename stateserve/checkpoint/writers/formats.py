"""The formats of files that a conversion writes, by suffix."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stateserve.checkpoint.arrays import Values
from stateserve.checkpoint.writers.npz import stream_npz
from stateserve.checkpoint.writers.stream import Stream, stream_safetensors
from stateserve.checkpoint.writers.torch_file import stream_legacy_pth, stream_pickle, stream_pth
from stateserve.errors import InvalidConversion, UnreadableCheckpoint

Metadata = Mapping[str, str]


@dataclass(frozen=True)
class Format:
    """`shares`: two names may have the same bytes. `parts`: libraries read it in several files.

    `keeps_metadata`: text by name has a place beside the tensors.
    """

    name: str
    stream: Callable[[Mapping[str, Values], Metadata], Stream]
    shares: bool = True
    keeps_metadata: bool = False
    parts: bool = False


TORCH = Format("torch.save archive", lambda state, _: stream_pth(state), parts=True)
LEGACY = Format(
    "torch.save file of before torch 1.6", lambda state, _: stream_legacy_pth(state), parts=True
)
PICKLE = Format("pickle", lambda state, _: stream_pickle(state))
SAFETENSORS = Format(
    "safetensors file", stream_safetensors, shares=False, keeps_metadata=True, parts=True
)
NPZ = Format("NumPy archive", lambda state, _: stream_npz(state), shares=False)
FORMATS = {
    **dict.fromkeys((".pth", ".pt", ".bin", ".ckpt"), TORCH),
    ".safetensors": SAFETENSORS,
    ".npz": NPZ,
    **dict.fromkeys((".pickle", ".pkl"), PICKLE),
}


def choose_format(path: Path, *, legacy: bool) -> Format:
    """The format of the suffix. Raises UnreadableCheckpoint or InvalidConversion."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        *first, last = FORMATS
        known = f"{', '.join(first)} or {last}"
        raise UnreadableCheckpoint(f"{path}: unknown suffix {path.suffix!r}; use {known}")
    if legacy and FORMATS[suffix] is not TORCH:
        raise InvalidConversion(f"{path}: --legacy is of torch.save; it has no {suffix}")
    return LEGACY if legacy else FORMATS[suffix]
