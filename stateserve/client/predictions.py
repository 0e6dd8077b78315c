"""The requests and answers of /predict as types of a client. Needs neither torch nor httpx."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypedDict

import msgspec

# A measurement by feature name, in the units of the model card (iris: cm).
Flower = Mapping[str, float]


class ModelReference(msgspec.Struct, frozen=True):
    """The model that answered; state_sha256 is the hash's first 12 hexadecimal digits."""

    name: str
    version: str
    state_sha256: str


class RangeWarning(msgspec.Struct, frozen=True):
    """A value outside its feature's training range: the answer is an extrapolation."""

    feature: str
    value: float
    detail: str


class Details(TypedDict, total=False):
    """The options of /predict, its query parameters."""

    log_probabilities: bool
    calibrated: bool
    out_of_distribution: bool


class Novelty(msgspec.Struct, frozen=True):
    """One row of stateserve.model.Novelty: the distance to the nearest class mean in standard
    deviations, and the share of the training rows that are at most as far."""

    distance: float
    training_share: float
    out_of_distribution: bool


class Answer(msgspec.Struct, frozen=True, omit_defaults=True, rename={"label": "class"}):
    """One instance's answer. `label` is "class" in JSON, a keyword in Python.

    probabilities and log_probabilities are by class, in the order of the model card.
    """

    label: str
    index: int
    probabilities: dict[str, float]
    warnings: list[RangeWarning]
    log_probabilities: dict[str, float] | None = None
    novelty: Novelty | None = None


class Prediction(Answer, frozen=True, omit_defaults=True, kw_only=True):
    """An answer and its model; `id` is for feedback, if the service logs predictions."""

    model: ModelReference
    id: str | None = None


class _Predictions(msgspec.Struct):
    predictions: list[Answer]
    model: ModelReference


def record_type(names: list[str]) -> Callable[..., Any]:
    """Make a function that builds a JSON object with these names from their values."""
    fields = [f"f{column}" for column in range(len(names))]
    try:
        rename = dict(zip(fields, names, strict=True))
        return msgspec.defstruct("Record", fields, rename=rename, gc=False)
    except ValueError:
        # msgspec refuses quotes, backslashes and control characters in names.
        return lambda *values: dict(zip(names, values, strict=True))


def encode_flowers(flowers: Flower | Iterable[Flower]) -> bytes:
    """The body of /predict. Numbers of NumPy and torch become Python's.

    NaN and infinity are written, too: the service refuses them and says where they are.
    """
    if isinstance(flowers, Mapping):
        return json.dumps(dict(flowers), default=float).encode()
    return json.dumps({"instances": [dict(flower) for flower in flowers]}, default=float).encode()


def decode_prediction(content: bytes, id: str | None = None) -> Prediction:
    """The answer to one flower without `instances`; `id` is its X-Prediction-ID.

    Raises ValueError for any other JSON.
    """
    prediction = msgspec.json.decode(content, type=Prediction)
    return prediction if id is None else msgspec.structs.replace(prediction, id=f"{id}:0")


def decode_predictions(content: bytes | memoryview, id: str | None = None) -> list[Prediction]:
    """The answers to many flowers, in order. Raises ValueError for any other JSON."""
    answered = msgspec.json.decode(content, type=_Predictions)
    fields = Answer.__struct_fields__
    return [
        Prediction(
            **{name: getattr(answer, name) for name in fields},
            model=answered.model,
            id=None if id is None else f"{id}:{number}",
        )
        for number, answer in enumerate(answered.predictions)
    ]
