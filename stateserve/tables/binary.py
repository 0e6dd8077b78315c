"""Names of files that hold no text and no table, by their first bytes or their entries."""

from collections.abc import Sequence

from stateserve.checkpoint import Memory, name_foreign

CHECKPOINT = "a checkpoint, not a table"
MARKS = {
    b"\x93NUMPY": "an array of NumPy (.npy); save the table as .csv",
    b"GGUF": CHECKPOINT,
    b"\x80": "a pickle, such as a checkpoint of PyTorch, not a table",
    b"GIF8": "a GIF picture, not a table",
    b"II*\0": "a TIFF picture, not a table",
    b"MM\0*": "a TIFF picture, not a table",
    b"RIFF": "a WebP picture, a sound or a film, not a table",
}


def name_binary(content: bytes) -> str | None:
    """What a file with NUL bytes is; None if its first bytes do not say so."""
    for mark, what in MARKS.items():
        if content.startswith(mark):
            return what
    # A safetensors file: the length of a header in JSON.
    if content[4:9] == b"\0\0\0\0{":
        return CHECKPOINT
    if content.startswith(b"BM") and content[6:10] == bytes(4):
        return "a BMP picture, not a table"
    found = name_foreign(Memory(content))
    return found and found.replace("not a checkpoint", "not a table")


def name_zip(names: Sequence[str]) -> str:
    """What a zip file with these entries is; they are no workbook's."""
    if any(name.endswith("data.pkl") for name in names):
        return "a checkpoint of PyTorch, not a table"
    if names and all(name.endswith(".npy") for name in names):
        return "arrays of NumPy (.npz); save the table as .csv"
    if "content.xml" in names:
        return "an OpenDocument file; save the table as .xlsx or .csv"
    if any(name.startswith("word/") for name in names):
        return "a document of Word; save the table as .xlsx or .csv"
    return f"a zip file with {', '.join(names[:3])[:100] or 'nothing'}; unpack it first"
