"""The requests and answers of /predict as types of a client. Needs neither torch nor httpx."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict, TypeVar

import msgspec

# The values of a table by feature name, or the inputs of any model by name: numbers, nested lists,
# arrays or tensors.
Instance = Mapping[str, Any]
# The true value or values of a regression; arrays, too.
Values = float | Sequence[float] | Sequence[Sequence[float]]


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
    top: int
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

    probabilities and log_probabilities are by class, in the order of the model card, or the most
    probable first. A model without classes, or with several outputs, has `outputs` by name
    instead: numbers, nested lists, or objects with class, index and probabilities.
    """

    label: str = ""
    index: int = -1
    probabilities: dict[str, float] = {}
    outputs: dict[str, Any] = {}
    # Not omitted if it is empty, as the service has it.
    warnings: list[RangeWarning] = msgspec.field(default_factory=lambda: [])
    log_probabilities: dict[str, float] | None = None
    novelty: Novelty | None = None


class Prediction(Answer, frozen=True, omit_defaults=True, kw_only=True):
    """An answer and its model; `units` are those of outputs that have one. `id` is for feedback,
    if the service logs predictions."""

    units: dict[str, str] = {}
    model: ModelReference
    id: str | None = None


class _Predictions(msgspec.Struct):
    predictions: list[Answer]
    model: ModelReference
    units: dict[str, str] = {}


def record_type(names: list[str]) -> Callable[..., Any]:
    """Make a function that builds a JSON object with these names from their values."""
    fields = [f"f{column}" for column in range(len(names))]
    try:
        rename = dict(zip(fields, names, strict=True))
        return msgspec.defstruct("Record", fields, rename=rename, gc=False)
    except ValueError:
        # msgspec refuses quotes, backslashes and control characters in names.
        return lambda *values: dict(zip(names, values, strict=True))


def encode_instances(instances: Instance | Iterable[Instance]) -> bytes:
    """The body of /predict. Arrays, tensors and their numbers become those of Python.

    NaN and infinity are written, too: the service refuses them and says where they are.
    """
    if isinstance(instances, Mapping):
        return json.dumps(dict(instances), default=plain).encode()
    many = [dict(each) if isinstance(each, Mapping) else each for each in instances]
    return json.dumps({"instances": many}, default=plain).encode()


def plain(value: Any) -> Any:
    """The numbers of an array, a tensor or one of their elements, for JSON."""
    return value.tolist() if hasattr(value, "tolist") else float(value)


def decode_prediction(content: bytes, id: str | None = None) -> Prediction:
    """The answer to one instance without `instances`; `id` is its X-Prediction-ID.

    Raises ValueError for any other JSON.
    """
    prediction = _complete(msgspec.json.decode(content, type=Prediction))
    return prediction if id is None else msgspec.structs.replace(prediction, id=f"{id}:0")


def decode_predictions(content: bytes | memoryview, id: str | None = None) -> list[Prediction]:
    """The answers to many instances, in order. Raises ValueError for any other JSON."""
    answered = msgspec.json.decode(content, type=_Predictions)
    fields = Answer.__struct_fields__
    return [
        Prediction(
            **{name: getattr(answer, name) for name in fields},
            units=answered.units,
            model=answered.model,
            id=None if id is None else f"{id}:{number}",
        )
        for number, answer in enumerate(map(_complete, answered.predictions))
    ]


def decode_any(content: bytes | memoryview, id: str | None = None) -> list[Prediction]:
    """The answers to one instance or to many. Raises ValueError for any other JSON."""
    try:
        return decode_predictions(content, id)
    except msgspec.ValidationError:
        return [decode_prediction(bytes(content), id)]


AnswerType = TypeVar("AnswerType", bound=Answer)


def _complete(answer: AnswerType) -> AnswerType:
    if not (answer.label and answer.probabilities) and not answer.outputs:
        raise ValueError("an answer without a class and without outputs")
    return answer
