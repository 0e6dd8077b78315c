"""What the log says of one version over a window: shares, drift, and how often it was right."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from app.card import Card
from app.drift import Drift, measure_drift
from app.predictor import Predictor

if TYPE_CHECKING:
    # Not at run time: only who logs needs SQLAlchemy.
    from app.log.database import LogDatabase

# Enough to see a drift of one row in a hundred, read in a tenth of a second.
MAX_DRIFT_ROWS = 20_000


@dataclass(frozen=True)
class Summary:
    """Counts by class in the order of the card.

    `confusion` (n_classes, n_classes) counts rows with feedback, by true and by predicted
    class. `drift` has a Drift for each feature, None where no row was there to compare, over
    the newest `drift_rows`; it is None where the card holds no histograms.
    """

    predicted: list[int]
    confusion: list[list[int]]
    drift_rows: int
    drift: list[Drift | None] | None


def summarize(database: "LogDatabase", predictor: Predictor, since: float) -> Summary:
    """Rows since a time, in seconds since the epoch. Raises LogUnavailable."""
    card, version = predictor.card, (predictor.name, predictor.version, since)
    places = {label: index for index, label in enumerate(card.classes)}
    # A file may have been replaced by one of other classes under the same version.
    pairs = np.zeros((len(places) + 1, len(places)), np.int64)
    for label, true_class, count in database.count(*version):
        if label in places and (true_class is None or true_class in places):
            row = -1 if true_class is None else places[true_class]
            pairs[row, places[label]] += count
    rows, drift = _drift(database, card, *version)
    return Summary(pairs.sum(axis=0).tolist(), pairs[:-1].tolist(), rows, drift)


def _drift(
    database: "LogDatabase", card: Card, name: str, version: str, since: float
) -> tuple[int, list[Drift | None] | None]:
    if card.histograms is None:
        return 0, None
    names = [feature.name for feature in card.features]
    wanted = set(names)
    found = database.inputs(name, version, since, MAX_DRIFT_ROWS)
    rows = [[row[name] for name in names] for row in found if row.keys() == wanted]
    if not rows:
        return 0, [None] * len(names)
    columns = np.array(rows, np.float32).T
    return len(rows), [
        measure_drift(histogram, column)
        for histogram, column in zip(card.histograms, columns, strict=True)
    ]
