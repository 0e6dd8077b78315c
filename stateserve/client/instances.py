"""What `predict` takes as instances, told apart without importing the libraries they are of."""

import base64
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeGuard, runtime_checkable

import numpy as np

from stateserve.client.arrays import ArrayLike, as_array
from stateserve.errors import ClientError
from stateserve.model import Input

ACCEPTED = (
    "a dict by feature or input name, a list of them, a DataFrame, an array, a tensor, "
    "or a picture: the path of its file, its bytes, or an image of PIL"
)


@runtime_checkable
class Picture(Protocol):
    """An image of PIL."""

    @property
    def mode(self) -> str: ...
    def save(self, fp: io.BytesIO, format: str | None = None, **params: object) -> None: ...


# The values of a table by feature name, or the inputs of any model by name: numbers, nested lists,
# arrays, tensors or pictures.
Instance = Mapping[str, object]
PictureFile = str | os.PathLike[str] | bytes
# What the items of a list may be; a nested list is the only input of a model.
Item = Instance | PictureFile | Picture | ArrayLike | Sequence[object]


def is_picture(value: object) -> TypeGuard[PictureFile | Picture]:
    return isinstance(value, str | os.PathLike | bytes | bytearray | Picture)


def picture_bytes(value: PictureFile | Picture) -> bytes:
    """The picture as a file: as it is, or an image of PIL as PNG. Raises ClientError."""
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if isinstance(value, Picture):
        return _png(value)
    try:
        return Path(value).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ClientError(f"{os.fspath(value)!r:.200}: {reason}; a text is a file's path") from None


def _png(image: Picture) -> bytes:
    stream = io.BytesIO()
    # PIL has the rotation of a photograph beside its pixels; the service applies it.
    rotation = {"exif": image.getexif()} if hasattr(image, "getexif") else {}
    try:
        image.save(stream, "PNG", **rotation)
    except OSError:
        # PNG has no place for such pixels, CMYK for instance.
        image.convert("RGB").save(stream, "PNG", **rotation)  # type: ignore[attr-defined]
    return stream.getvalue()


def is_mapping(value: object) -> bool:
    """Whether it is one instance by name: a dict, or a row of a DataFrame of pandas."""
    return isinstance(value, Mapping) or (hasattr(value, "to_dict") and hasattr(value, "index"))


def is_batch(instance: object, inputs: Sequence[Input]) -> bool:
    """Whether each value of a dict by input or feature name has one axis more than one instance:
    that of the rows."""
    axes = {each.name: len(each.row_shape) for each in inputs if not each.features}
    axes |= {feature.name: 0 for each in inputs for feature in each.features or ()}
    return isinstance(instance, Mapping) and all(
        _axes(instance[name]) == count + 1 for name, count in axes.items() if name in instance
    )


def _axes(value: object) -> int:
    if isinstance(value, list | tuple):
        return 1 + (_axes(value[0]) if value else 0)
    array = as_array(value)
    return 0 if array is None else array.ndim


def as_item(value: object) -> object:
    """An instance as JSON has it: a missing value of a table is null. Raises ClientError."""
    if is_mapping(value):
        items = value if isinstance(value, Mapping) else value.to_dict()  # type: ignore[attr-defined]
        return {str(name): None if is_missing(each) else each for name, each in items.items()}
    if isinstance(value, list | tuple):
        return [None if is_missing(each) else each for each in value]
    return plain(value) if is_picture(value) else value


def encode_instances(instances: Instance | Iterable[Item]) -> bytes:
    """The body of /predict. Arrays, tensors and their numbers become those of Python.

    NaN and infinity in arrays are written, too: the service refuses them and says where they are.
    Raises ClientError for a value that has no JSON.
    """
    if isinstance(instances, Mapping):
        return encode(as_item(instances))
    return encode({"instances": [as_item(each) for each in instances]})


def encode_one(instance: object) -> bytes:
    """The body of one instance of any kind. Raises ClientError."""
    return encode(as_item(instance))


def plain(value: object) -> object:
    """The JSON of an array, a tensor or one of their elements, or of a picture."""
    if is_missing(value):
        return None
    if is_picture(value):
        return {"b64": base64.b64encode(picture_bytes(value)).decode()}
    if isinstance(value, Mapping):
        return dict(value)
    array = as_array(value)
    if array is not None or isinstance(value, np.generic):
        return (value if array is None else array).tolist()  # type: ignore[attr-defined]
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        kind = type(value).__name__
        raise ClientError(f"a value of type {kind} is not sent; {ACCEPTED}") from None


def encode(value: object) -> bytes:
    """JSON with arrays, tensors and pictures. Raises ClientError."""
    try:
        return json.dumps(value, default=plain).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ClientError(f"what is sent has no JSON: {error!s:.200}") from None


def is_missing(value: object) -> bool:
    """Whether a cell of a table has no value: None, NaN, or what pandas has for it."""
    if isinstance(value, float | np.floating):
        return math.isnan(value)
    return type(value).__name__ in ("NAType", "NaTType", "NoneType")
