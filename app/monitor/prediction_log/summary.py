"""The report on one version over a period: class shares, drift and accuracy."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from app.monitor.category_drift import CategoryBins, measure_category_drift
from app.monitor.drift import Drift, measure_drift
from app.monitor.prediction_log.feedback import logged_values
from stateserve.model import AnyModel, Feature, FeatureHistogram, Predictor

if TYPE_CHECKING:
    # Not at run time: SQLAlchemy is an extra.
    from app.monitor.prediction_log.database import LogDatabase

# Enough to detect a drift of one row in a hundred, and read in a tenth of a second.
MAX_DRIFT_ROWS = 20_000
# With more classes there is no confusion, whose size is the square.
MAX_CONFUSED = 1000


@dataclass
class Judged:
    """The number of rows of a state, of those with a true class, and of correct ones."""

    predictions: int = 0
    with_feedback: int = 0
    right: int = 0


@dataclass(frozen=True)
class ValueErrors:
    """The errors of the newest `count` rows whose true values are known."""

    count: int
    mean_absolute: float
    root_mean_squared: float


@dataclass(frozen=True)
class Summary:
    """Counts by class in the order of the card; `predictions` counts all rows.

    `confusion` (n_classes, n_classes) counts rows with feedback, by true and by predicted
    class. `drift` has a Drift for each feature over the newest `drift_rows`, or None without
    rows; it is None if the card has no histograms. `others` has the figures of other states of
    the same version, by their hashes.
    """

    predictions: int
    predicted: list[int]
    confusion: list[list[int]]
    drift_rows: int
    drift: list[Drift | None] | None
    others: dict[str | None, Judged]
    values: ValueErrors | None


def summarize(database: "LogDatabase", model: AnyModel, since: float) -> Summary:
    """Summarise the rows since a time, in seconds since the epoch. Raises LogUnavailable."""
    version = model.name, model.version
    places = {label: index for index, label in enumerate(model.classes)}
    total = 0
    # By true class (the last is for none), then by predicted class.
    pairs = np.zeros((len(places) + 1, len(places)), np.int64)
    others: dict[str | None, Judged] = defaultdict(Judged)
    for state_sha256, label, true_class, count in database.count(*version, since):
        # A file may have been replaced by another state under the same version.
        if state_sha256 != model.state_sha256:
            other = others[state_sha256]
            other.predictions += count
            other.with_feedback += count if true_class is not None else 0
            other.right += count if true_class == label else 0
            continue
        total += count
        if label in places and (true_class is None or true_class in places):
            row = -1 if true_class is None else places[true_class]
            pairs[row, places[label]] += count
    rows, drift = _drift(database, model, since) if model.reference else (0, None)
    tabular = isinstance(model, Predictor)
    values = None if tabular else _value_errors(database, model, since)
    predicted = pairs.sum(axis=0).tolist()
    confusion = pairs[:-1].tolist() if len(places) <= MAX_CONFUSED else []
    return Summary(total, predicted, confusion, rows, drift, others, values)


def _value_errors(database: "LogDatabase", model: AnyModel, since: float) -> ValueErrors | None:
    identity = model.name, model.version, model.state_sha256
    pairs = [
        (logged_values(outputs), true)
        for outputs, true in database.values(*identity, since, MAX_DRIFT_ROWS)
    ]
    errors = [
        np.subtract(found, true) for found, true in pairs if found and len(found) == len(true)
    ]
    if not errors:
        return None
    flat = np.concatenate(errors)
    squares = float(np.sqrt(np.square(flat).mean()))
    return ValueErrors(len(errors), float(np.abs(flat).mean()), squares)


def _drift(
    database: "LogDatabase", model: AnyModel, since: float
) -> tuple[int, list[Drift | None]]:
    names = [feature.name for feature, _ in model.reference]
    identity = model.name, model.version, model.state_sha256
    found = [_table(row, set(names)) for row in database.inputs(*identity, since, MAX_DRIFT_ROWS)]
    rows = [[row[name] for name in names] for row in found if row]
    if not rows:
        return 0, [None] * len(names)
    columns = zip(*rows, strict=True)
    return len(rows), [
        _drift_of(*each, column) for each, column in zip(model.reference, columns, strict=True)
    ]


def _drift_of(feature: Feature, histogram: FeatureHistogram, logged: Sequence[Any]) -> Drift:
    values = feature.numbers_of(logged).astype(np.float32)
    if histogram.edges is None:
        return measure_category_drift(CategoryBins.of(feature, histogram), values)
    return measure_drift(histogram, values)


def _table(row: Mapping[str, object], names: set[str]) -> Mapping[str, object] | None:
    """The values with these names: the logged row, or one of the inputs in it."""
    tables = (row, *(each for each in row.values() if isinstance(each, dict)))
    return next((each for each in tables if each.keys() == names), None)
