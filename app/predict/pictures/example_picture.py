"""A PNG or JPEG file as the example of a model's inputs."""

from pathlib import Path

from app.errors import InvalidInstances
from app.predict.pictures.decoder import decode_pictures
from stateserve.checkpoint import Array, read_regular_file
from stateserve.errors import CardMismatch
from stateserve.model import Hints, Input

SUFFIXES = (".png", ".jpg", ".jpeg")
MAX_BYTES = 2**28


def example_picture(path: Path, hints: Hints) -> Array | Path:
    """The picture in the file as an array (1, ...) of float32, as the only `image` of the hints
    makes it; `path` itself if it is no file of a picture.

    Raises CheckpointError, one line, or NotProvided without Pillow.
    """
    if path.suffix.lower() not in SUFFIXES:
        return path
    if len(hints.image) != 1:
        raise CardMismatch(
            f"{path}: a picture is an example of one input, and --image says how it becomes that "
            """input, such as --image '{"mode": "L", "resize": [28, 28]}'"""
        )
    (image,) = hints.image.values()
    spec = Input(name="example", dtype="float32", shape=[-1, *image.row_shape], image=image)
    try:
        return decode_pictures([read_regular_file(path, MAX_BYTES)], spec, [""])
    except InvalidInstances as error:
        raise CardMismatch(f"{path}: {error.faults[0].detail}") from None
