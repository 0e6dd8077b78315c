"""The requests and answers of /predict as types of a client. Needs neither torch nor httpx."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import msgspec

from stateserve.client import notebook

if TYPE_CHECKING:
    from stateserve.tables import TableInstances

# Called with the number of rows that are answered, and of all.
Progress = Callable[[int, int], object]
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


class Target(TypedDict, total=False):
    """A model of the service and one of its versions; the default of each, if it is absent."""

    model: str | None
    version: str | int | None


class PredictOptions(Details, Target, total=False):
    """Which model predicts, and the details of its answer. `skip_bad_rows` leaves out the rows of
    a DataFrame or a table with a cell that cannot be read."""

    skip_bad_rows: bool


class RowsOptions(PredictOptions, total=False):
    """Those of many rows: `progress` draws a bar, or is called with the rows done and their
    total."""

    progress: Progress | bool


class Novelty(msgspec.Struct, frozen=True):
    """One row of stateserve.model.Novelty: the distance to the nearest class mean in standard
    deviations, and the share of the training rows that are at most as far."""

    distance: float
    training_share: float
    out_of_distribution: bool


class Answer(msgspec.Struct, frozen=True, omit_defaults=True, rename={"label": "class"}):
    """One instance's answer. `label` is "class" in JSON, a keyword in Python.

    probabilities and log_probabilities are by class, in the order of the model card, or the most
    probable first; the logarithm of 0 is None. A model without classes, or with several outputs,
    has `outputs` by name instead: numbers, nested lists, or objects with class, index and
    probabilities; then label and index are None.
    """

    label: str | None = None
    index: int | None = None
    probabilities: dict[str, float] = {}
    outputs: dict[str, Any] = {}
    # Not omitted if it is empty, as the service has it.
    warnings: list[RangeWarning] = msgspec.field(default_factory=lambda: [])
    log_probabilities: dict[str, float | None] | None = None
    novelty: Novelty | None = None


class Prediction(Answer, frozen=True, omit_defaults=True, kw_only=True):
    """An answer and its model; `units` are those of outputs that have one. `id` is for feedback,
    if the service logs predictions."""

    units: dict[str, str] = {}
    model: ModelReference
    id: str | None = None

    def _repr_html_(self) -> str:
        return predictions_table([self], 1)


class PredictionList(list[Prediction]):
    """The answers to a list, in its order."""

    def _repr_html_(self) -> str:
        return predictions_table(self[: notebook.MOST_ROWS], len(self))


class TablePredictions(PredictionList):
    """The answers to the rows of a table, in their order.

    `table` is what was read: columns, rows of the file, notes. `score` is the accuracy, or R2 and
    the mean absolute error, of a table that still has its target; else None.
    """

    def __init__(self, answers: Iterable[Prediction], table: "TableInstances") -> None:
        super().__init__(answers)
        self.table = table
        self.score = table.score(self)


def predictions_table(shown: Sequence[Prediction], total: int) -> str:
    """The first rows of `total` as HTML: of one row its classes, highest first."""
    if not shown:
        return notebook.table([], [], "no rows")
    first = shown[0]
    note = f"model {first.model.name}, version {first.model.version}"
    if total > len(shown):
        note = f"{len(shown)} of {total} rows; {note}"
    if total == 1 and first.probabilities:
        ranked = sorted(first.probabilities.items(), key=lambda item: -item[1])
        rows: list[list[object]] = [[name, notebook.Bar(share)] for name, share in ranked]
        warnings = [f"{each.feature} {each.value:g}: {each.detail}" for each in first.warnings]
        note = "; ".join([*warnings, note])
        return notebook.table(["class", "probability"], rows[: notebook.MOST_CLASSES], note)
    if first.label is None:
        names = list(first.outputs)
        header = [f"{n} ({first.units[n]})" if n in first.units else n for n in names]
        return notebook.table(
            header, [[each.outputs.get(n) for n in names] for each in shown], note
        )
    rows = [[each.label, notebook.Bar(max(each.probabilities.values()))] for each in shown]
    return notebook.table(["class", "probability"], rows, note)


class _Predictions(msgspec.Struct):
    predictions: list[Answer]
    model: ModelReference
    units: dict[str, str] = {}


def record_type(names: list[str]) -> Callable[..., object]:
    """Make a function that builds a JSON object with these names from their values."""
    fields = [f"f{column}" for column in range(len(names))]
    try:
        rename = dict(zip(fields, names, strict=True))
        return msgspec.defstruct("Record", fields, rename=rename, gc=False)
    except ValueError:
        # msgspec refuses quotes, backslashes and control characters in names.
        return lambda *values: dict(zip(names, values, strict=True))


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
    parts = (answer.label is not None, answer.index is not None, bool(answer.probabilities))
    if set(parts) != {not answer.outputs}:
        raise ValueError("an answer has a class, its index and its probabilities, or outputs")
    return answer
