"""Name files that are no checkpoints of a known format, and say what to do with them."""

from stateserve.checkpoint.readers.zip_archive import ZipArchive
from stateserve.checkpoint.sources import Source, read
from stateserve.errors import UnreadableCheckpoint
from stateserve.json_document import read_json

HEAD_BYTES = 512
TORCHSERVE = "MAR-INF/MANIFEST.json"
MANIFEST_BYTES = 2**20
UNPACK = "unpack it and take the file inside"
KERAS = "load it with Keras and save the weights as .npz or .safetensors"
MAGICS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x1f\x8b", f"compressed by gzip; {UNPACK}"),
    (0, b"BZh", f"compressed by bzip2; {UNPACK}"),
    (0, b"\xfd7zXZ\x00", f"compressed by xz; {UNPACK}"),
    (0, b"]\x00\x00", f"compressed by LZMA; {UNPACK}"),
    (0, b"\x28\xb5\x2f\xfd", f"compressed by Zstandard; {UNPACK}"),
    (0, b"\x04\x22\x4d\x18", f"compressed by LZ4; {UNPACK}"),
    (0, b"7z\xbc\xaf\x27\x1c", f"a 7z archive; {UNPACK}"),
    (0, b"Rar!\x1a\x07", f"a RAR archive; {UNPACK}"),
    (257, b"ustar", f"a tar archive; {UNPACK}"),
    (0, b"\x89HDF\r\n\x1a\n", f"an HDF5 file, as of Keras (.h5); {KERAS}"),
    (4, b"TFL3", "a TensorFlow Lite model, which is not read"),
    (4, b"ET12", "an ExecuTorch program, which is not read; take the checkpoint it was made from"),
    (0, b"lmgg", "a GGML file of before GGUF; convert it with llama.cpp"),
    (0, b"tjgg", "a GGML file of before GGUF; convert it with llama.cpp"),
    (0, b"ARROW1", "an Arrow file, not a checkpoint"),
    (0, b"PAR1", "a Parquet file, not a checkpoint"),
    (0, b"%PDF-", "a PDF file, not a checkpoint"),
    (0, b"\x89PNG", "a PNG picture, not a checkpoint"),
    (0, b"\xff\xd8\xff", "a JPEG picture, not a checkpoint"),
    (0, b"SQLite format 3\x00", "an SQLite database, not a checkpoint"),
    (0, b"\x7fELF", "a program or library of Linux, not a checkpoint"),
    (0, b"ZF", "a file of joblib's, compressed; load it with joblib and save the arrays as .npz"),
    *(
        (0, magic, "compressed by zlib, as of joblib; load it with joblib and save arrays as .npz")
        for magic in (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")
    ),
)
LFS = b"version https://git-lfs.github.com/spec/"
PAGES = (b"<!doctype html", b"<html", b"<?xml", b"<head", b"<body")
# Of the index of a TensorFlow checkpoint: a table of LevelDB ends with this number.
LEVELDB_END = 0xDB4775248B80FB57.to_bytes(8, "little")
TEXT = frozenset(range(0x20, 0x7F)) | {0x09, 0x0A, 0x0D}


def name_foreign(source: Source) -> str | None:
    """What the file is, and what to do; None for bytes that say nothing."""
    if source.size == 0:
        return "the file is empty, as after a download that failed or a disk that was full"
    head = read(source, 0, min(HEAD_BYTES, source.size))
    if head.startswith(LFS):
        return "a Git LFS pointer, not the file itself; fetch it: git lfs pull"
    if head.lstrip().lower().startswith(PAGES):
        return (
            "a page of HTML or XML, not a checkpoint; the download was answered with a page, such "
            "as of a login or an error"
        )
    for start, magic, text in MAGICS:
        if head[start : start + len(magic)] == magic:
            return text
    if _is_message_pack(head):
        return (
            "a MessagePack file, as of Flax; load it with Flax and save it as .safetensors or .npz"
        )
    if source.size > 48 and read(source, source.size - 8, 8) == LEVELDB_END:
        return "the index of a TensorFlow checkpoint, which is not read; load it with TensorFlow"
    if b"com.github.apple.coremltools" in head:
        return "a Core ML model, which is not read; take the checkpoint it was made from"
    if not any(head):
        return "the file begins with zeros alone, as after a download or a copy that broke off"
    return None


def _is_message_pack(head: bytes) -> bool:
    """Whether it begins with a map of one to 65,535 entries, whose first key is a short text."""
    at = 1 if head[:1] and 0x81 <= head[0] <= 0x8F else 3 if head[:1] == b"\xde" else 0
    if not at or len(head) <= at or not 0xA1 <= head[at] <= 0xBF:
        return False
    text = head[at + 1 : at + 1 + (head[at] & 0x1F)]
    return len(text) == head[at] & 0x1F and TEXT.issuperset(text)


def name_text(source: Source) -> str | None:
    """A file of text, if it is one."""
    head = read(source, 0, min(HEAD_BYTES, source.size))
    if not TEXT.issuperset(head):
        return None
    line = head.split(b"\n")[0].decode("ascii", "replace").strip()
    return f"a text, not a checkpoint; it begins with {line[:60]!r}"


def name_archive(archive: ZipArchive) -> str:
    """A zip archive that is no checkpoint, by the names of its entries."""
    names = list(archive.entries)
    if TORCHSERVE in names:
        return _name_torchserve(archive)
    if any(name.endswith("model.weights.h5") for name in names):
        return f"a Keras archive (.keras); {KERAS}"
    if any(name.endswith("saved_model.pb") for name in names):
        return "a TensorFlow SavedModel in a zip archive, which is not read"
    if any("data/aotinductor/" in name for name in names):
        return "a package of AOTInductor, which holds native code and is not read"
    if any(name.endswith("/.data/extern_modules") for name in names):
        return (
            "an archive of torch.package, which holds Python code; load it with torch.package and "
            "save the state_dict"
        )
    if any(name.endswith(".data/serialization_id") for name in names):
        return "an archive of torch.save without its data.pkl, as after a torch.save that failed"
    if "schema.json" in names:
        return "a file of skops's, with an estimator of scikit-learn, which is not read"
    if not names:
        return "an empty zip archive"
    shown = ", ".join(repr(name[:60]) for name in names[:3])
    return f"a zip archive that is no checkpoint (it holds {shown}); {UNPACK}"


def _name_torchserve(archive: ZipArchive) -> str:
    """With its file of weights, and whether a model can be made of it as it is."""
    model: object = None
    try:
        manifest = read_json(archive.read(TORCHSERVE, MANIFEST_BYTES))
        model = manifest.get("model") if isinstance(manifest, dict) else None
    except (ValueError, UnreadableCheckpoint):
        pass
    fields = model if isinstance(model, dict) else {}
    state = fields.get("serializedFile")
    if not isinstance(state, str) or state not in archive.entries:
        return f"an archive of TorchServe (.mar); {UNPACK}"
    text = f"an archive of TorchServe (.mar), with its weights in {state!r:.100}; {UNPACK}"
    example = "" if state.endswith(".pt2") else " --example x.npy"
    if fields.get("modelFile") or not example:
        text += f". A model of all of it: stateserve pack FILE.mar{example} --output FOLDER"
    return text
