"""The formats of checkpoints, chosen by content. Reading none of them runs code.

A format is recognised by the first bytes of a file, never by its suffix.
"""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field

from stateserve.checkpoint.pickles.operations import OPCODES
from stateserve.checkpoint.readers import gguf, numpy_file
from stateserve.checkpoint.readers.foreign import name_archive, name_foreign, name_text
from stateserve.checkpoint.readers.onnx import read_onnx
from stateserve.checkpoint.readers.program_weights import is_program, read_program
from stateserve.checkpoint.readers.safetensors_file import read_safetensors
from stateserve.checkpoint.readers.sharded import read_sharded
from stateserve.checkpoint.readers.torch_pickles import MAGIC_NUMBER, read_legacy, read_pickled
from stateserve.checkpoint.readers.torch_tar import is_torch_tar
from stateserve.checkpoint.readers.torch_zip import data_pickles, read_archive
from stateserve.checkpoint.readers.zip_archive import END, LOCAL, ZipArchive
from stateserve.checkpoint.sources import File, Source, read
from stateserve.errors import UnreadableCheckpoint

TORCH_ZIP = "torch.save archive"
TORCH_LEGACY = "torch.save file of before torch 1.6"
TORCHSCRIPT = "TorchScript archive"
PROGRAM = "torch.export archive"
PICKLE = "pickle"
SAFETENSORS = "safetensors file"
SHARDED = "checkpoint in several files"
DISTRIBUTED = "torch.distributed checkpoint"
NPZ, NPY = "NumPy archive", "NumPy array"
ONNX, GGUF = "ONNX model", "GGUF file"
TORCH_SUFFIXES = (".pth", ".pt", ".ckpt", ".bin", ".tar", ".model")
# The usual suffixes of each format. A file with a suffix of another format is noted.
SUFFIXES = {
    TORCH_ZIP: TORCH_SUFFIXES,
    TORCH_LEGACY: TORCH_SUFFIXES,
    TORCHSCRIPT: (".pth", ".pt", ".ptl"),
    PROGRAM: (".pt2",),
    PICKLE: (".pickle", ".pkl", ".bin", ".pt", ".ckpt"),
    SAFETENSORS: (".safetensors",),
    SHARDED: (".json",),
    NPZ: (".npz",),
    NPY: (".npy",),
    ONNX: (".onnx",),
    GGUF: (".gguf",),
}
HEAD_BYTES = 512
JOBLIB, JOBLIB_BYTES = b"joblib.numpy_pickle", 2**16
# The pickle of the magic number, in any protocol.
_MAGICS = tuple(pickle.dumps(MAGIC_NUMBER, protocol) for protocol in range(6))
_JSON = (b"{", b"[")
Open = Callable[[str], File]


@dataclass(frozen=True)
class Content:
    """`format` in words; `root` is a tree as in content.py; `size` is that once inflated."""

    format: str
    root: object
    metadata: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    size: int = 0


def read_content(source: Source, open_file: Open) -> Content:
    """Read a file as data, its tensors lazily; `open_file` opens others of its folder.

    Raises CheckpointError.
    """
    head = read(source, 0, min(HEAD_BYTES, source.size))
    if head.startswith((LOCAL, END)):
        return _read_archive(ZipArchive(source))
    if head[8:9] == b"{":
        return Content(SAFETENSORS, *read_safetensors(source))
    if head.startswith(gguf.MAGIC):
        return Content(GGUF, *gguf.read_gguf(source))
    if head.startswith(numpy_file.MAGIC):
        return Content(NPY, {"array": numpy_file.read_npy(source)})
    if head.startswith(_MAGICS):
        return Content(TORCH_LEGACY, read_legacy(source))
    if is_torch_tar(source):
        raise UnreadableCheckpoint(
            "a torch.save file of before torch 0.1.10, a tar archive, which is not read; load it "
            "with torch.load and save it again"
        )
    if foreign := name_foreign(source):
        raise UnreadableCheckpoint(foreign)
    if head.lstrip().startswith(_JSON) and b"\x00" not in head:
        return Content(SHARDED, *read_sharded(source, open_file, _read_shard))
    return _read_unmarked(source, head, open_file)


def _read_unmarked(source: Source, head: bytes, open_file: Open) -> Content:
    """A format without a magic number: a pickle ends with a full stop, and ONNX is the rest."""
    if head.startswith(b"\x80") and head[1:2] <= b"\x05":
        return Content(PICKLE, _read_pickle(source))
    if head[:1] in OPCODES and read(source, source.size - 1, 1) == b".":
        try:
            return Content(PICKLE, read_pickled(source))
        except UnreadableCheckpoint:
            if name_text(source) is None:
                raise
    if head.startswith(b"\x08"):
        return Content(ONNX, *read_onnx(source, open_file))
    raise UnreadableCheckpoint(
        name_text(source) or f"not a checkpoint of a known format; it begins with {head[:8]!r}"
    )


def _read_pickle(source: Source) -> object:
    try:
        return read_pickled(source)
    except UnreadableCheckpoint:
        # Arrays follow their places in the pickle, as no pickle has them.
        if JOBLIB in read(source, 0, min(JOBLIB_BYTES, source.size)):
            raise UnreadableCheckpoint(
                "a file of joblib's; load it with joblib and save the arrays as .npz"
            ) from None
        raise


def _read_shard(source: Source) -> tuple[object, dict[str, str]]:
    """Tensors and metadata of one of several files. Raises CheckpointError."""

    def refuse(name: str) -> File:
        raise UnreadableCheckpoint(f"it refers to another file, {name!r:.100}")

    content = read_content(source, refuse)
    return content.root, content.metadata


def _read_archive(archive: ZipArchive) -> Content:
    names = list(archive.entries)
    if numpy_file.is_npz(archive):
        size = sum(entry.size for entry in archive.entries.values())
        return Content(NPZ, numpy_file.read_npz(archive), size=size)
    if is_program(archive):
        return Content(PROGRAM, read_program(archive))
    if len(data_pickles(archive)) != 1:
        raise UnreadableCheckpoint(name_archive(archive))
    root = read_archive(archive)
    scripted = any(name.endswith("constants.pkl") for name in names)
    return Content(TORCHSCRIPT if scripted else TORCH_ZIP, root)
