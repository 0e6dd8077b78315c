"""A valid body for any model, from what GET /model says of it."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from app.cli.bench.target import BenchFailed
from app.cli.input_files import MEDIA_TYPES, media_type_of
from app.errors import InvalidOption

Form = Literal["json", "npy"]
# The lengths of axes that the signature leaves open.
OPEN_LENGTH = 8


class Body(NamedTuple):
    content: bytes
    media_type: str
    # None for a file, whose rows are not counted.
    rows: int | None


def body_of_file(path: Path) -> Body:
    """A file as it is. Raises InvalidOption for an unknown suffix, or OSError."""
    media_type = media_type_of(path)
    if media_type is None:
        raise InvalidOption(f"--body {path}: needs one of {', '.join(MEDIA_TYPES)}")
    return Body(path.read_bytes(), media_type, None)


def body_of_model(model: Mapping[str, Any], rows: int, form: Form | None) -> Body:
    """`rows` copies of the model's example; zeros where it gives none. Raises BenchFailed.

    Unless given, the form is JSON if the model has an example in it.
    """
    try:
        return _body(model["signature"]["inputs"], model.get("example"), rows, form)
    except (LookupError, TypeError, AttributeError):
        detail = "the model's signature is not one of stateserve; give --body FILE"
        raise BenchFailed(detail) from None


def _body(inputs: list[dict[str, object]], example: object, rows: int, form: Form | None) -> Body:
    form = form or ("json" if example is not None or len(inputs) > 1 else "npy")
    instance = _instance(example) if example is not None else _zeros(inputs)
    if form == "json":
        whole = instance if rows == 1 else {"instances": [instance] * rows}
        if rows == 1 and "instances" in instance:
            whole = {"instances": [instance]}
        return Body(json.dumps(whole).encode(), MEDIA_TYPES[".json"], rows)
    if len(inputs) > 1:
        raise BenchFailed(f"--format npy is for one input; the model has {len(inputs)}")
    return Body(_npy(inputs[0], instance, rows), MEDIA_TYPES[".npy"], rows)


def _instance(example: Any) -> Any:
    many = isinstance(example, dict) and isinstance(example.get("instances"), list)
    return example["instances"][0] if many else example


def _zeros(inputs: list[dict[str, Any]]) -> dict[str, object]:
    return {each["name"]: np.zeros(_row_shape(each)).tolist() for each in inputs}


def _row_shape(given: Mapping[str, Any]) -> list[int]:
    return [OPEN_LENGTH if length < 0 else length for length in given["shape"][1:]]


def _npy(given: Mapping[str, Any], instance: Any, rows: int) -> bytes:
    if given.get("features") and isinstance(instance, dict) and given["name"] not in instance:
        row = [instance[feature["name"]] for feature in given["features"]]
    else:
        row = instance[given["name"]] if isinstance(instance, dict) else instance
    try:
        array = np.array([row] * rows, np.dtype(given["dtype"]))
    except (TypeError, ValueError):
        raise BenchFailed(f"--format npy has no {given['dtype']} of these values") from None
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()
