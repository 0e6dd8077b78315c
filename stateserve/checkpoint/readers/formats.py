"""The formats of checkpoints, chosen by content. Reading none of them runs code.

A format is recognised by the first bytes of a file, never by its suffix.
"""

import pickle
from dataclasses import dataclass, field

from stateserve.checkpoint.pickles.reader import OPCODES
from stateserve.checkpoint.readers.safetensors_file import read_safetensors
from stateserve.checkpoint.readers.torch_file import (
    MAGIC_NUMBER,
    read_archive_pickle,
    read_legacy,
    read_pickled,
)
from stateserve.checkpoint.readers.zip_archive import LOCAL, ZipArchive
from stateserve.checkpoint.sources import Source, read
from stateserve.errors import UnreadableCheckpoint

TORCH_ZIP = "torch.save archive"
TORCH_LEGACY = "torch.save file of before torch 1.6"
PICKLE = "pickle"
SAFETENSORS = "safetensors file"
# The usual suffixes of each format.
SUFFIXES = {
    TORCH_ZIP: (".pth", ".pt", ".ckpt", ".bin", ".tar"),
    TORCH_LEGACY: (".pth", ".pt", ".ckpt", ".bin", ".tar"),
    PICKLE: (".pickle", ".pkl", ".bin", ".pt", ".ckpt"),
    SAFETENSORS: (".safetensors",),
}
HEAD_BYTES = 512
# The pickle of the magic number, in any protocol.
_MAGICS = tuple(pickle.dumps(MAGIC_NUMBER, protocol) for protocol in range(6))


@dataclass(frozen=True)
class Content:
    """`format` in words; `root` is a tree as in content.py."""

    format: str
    root: object
    metadata: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_content(source: Source) -> Content:
    """Read a file as data, its tensors lazily. Raises CheckpointError."""
    head = read(source, 0, min(HEAD_BYTES, source.size))
    if not head:
        raise UnreadableCheckpoint("the file is empty")
    if head.startswith(LOCAL):
        return _read_archive(ZipArchive(source))
    if head[8:9] == b"{":
        tensors, metadata = read_safetensors(source)
        return Content(SAFETENSORS, tensors, metadata)
    if head.startswith(_MAGICS):
        return Content(TORCH_LEGACY, read_legacy(source))
    if head[:1] in OPCODES:
        return Content(PICKLE, read_pickled(source))
    raise UnreadableCheckpoint("not a checkpoint of a known format")


def _read_archive(archive: ZipArchive) -> Content:
    pickles = [name for name in archive.entries if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise UnreadableCheckpoint("not a whole archive written by torch.save: it has no data.pkl")
    folder = pickles[0].removesuffix("data.pkl")
    return Content(TORCH_ZIP, read_archive_pickle(archive, pickles[0], f"{folder}data/"))
