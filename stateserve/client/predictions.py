"""What /predict takes and answers, as whoever asks sees it. Needs neither torch nor HTTP."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypedDict

import msgspec

# A measurement by feature name, in the units of the model card (iris: cm).
Flower = Mapping[str, float]


class ModelReference(msgspec.Struct, frozen=True):
    """Which model answered; state_sha256 is the hash's first 12 hexadecimal digits."""

    name: str
    version: str
    state_sha256: str


class RangeWarning(msgspec.Struct, frozen=True):
    """A value beyond its feature's training range: answered, but extrapolated."""

    feature: str
    value: float
    detail: str


class Details(TypedDict, total=False):
    """What /predict shows only if asked: its query."""

    log_probabilities: bool
    calibrated: bool
    out_of_distribution: bool


class Novelty(msgspec.Struct, frozen=True):
    """How far an instance is from the nearest class mean, in standard deviations, and what share
    of the training rows is at most as far (app.certainty.Novelty, one row of it)."""

    distance: float
    training_share: float
    out_of_distribution: bool


class Answer(msgspec.Struct, frozen=True, omit_defaults=True, rename={"label": "class"}):
    """One instance's answer. `label` is "class" in JSON, which Python keeps for itself.

    probabilities and log_probabilities are by class, in the order of the model card.
    """

    label: str
    index: int
    probabilities: dict[str, float]
    warnings: list[RangeWarning]
    log_probabilities: dict[str, float] | None = None
    novelty: Novelty | None = None


class Prediction(Answer, frozen=True, omit_defaults=True, kw_only=True):
    """An answer and the model that gave it; `id` is for feedback, where the service logs it."""

    model: ModelReference
    id: str | None = None


class _Predictions(msgspec.Struct):
    predictions: list[Answer]
    model: ModelReference


def record_type(names: list[str]) -> Callable[..., Any]:
    """A constructor of JSON objects with these names from as many values."""
    fields = [f"f{column}" for column in range(len(names))]
    try:
        rename = dict(zip(fields, names, strict=True))
        return msgspec.defstruct("Record", fields, rename=rename, gc=False)
    except ValueError:
        # msgspec takes no quote, backslash or control character in a name.
        return lambda *values: dict(zip(names, values, strict=True))


def encode_flowers(flowers: Flower | Iterable[Flower]) -> bytes:
    """The body of /predict. Numbers of NumPy and torch become plain ones.

    NaN and infinity are written as such: the service names where they stand, and refuses.
    """
    if isinstance(flowers, Mapping):
        return json.dumps(dict(flowers), default=float).encode()
    return json.dumps({"instances": [dict(flower) for flower in flowers]}, default=float).encode()


def decode_prediction(content: bytes, id: str | None = None) -> Prediction:
    """The answer to one bare flower; `id` is its X-Prediction-ID.

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
