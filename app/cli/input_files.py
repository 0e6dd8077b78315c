"""The files of `stateserve predict` that are bodies of /predict as they are."""

from pathlib import Path

MEDIA_TYPES = {
    ".json": "application/json",
    ".npy": "application/x-npy",
    ".npz": "application/x-npz",
    ".safetensors": "application/vnd.safetensors",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}


def media_type_of(path: Path) -> str | None:
    """The media type of a file, by its suffix; None for a table."""
    return MEDIA_TYPES.get(path.suffix.lower())
