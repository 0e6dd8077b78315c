"""The buffers of a Columns layer, from the training rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from stateserve.model import Feature
from stateserve.model.architectures import Columns

# The range of a number has up to so many parts, each with so many rows or more.
MOST_PARTS = 16
ROWS_OF_A_PART = 10


@dataclass
class _Places:
    """What the buffers of Columns have, but for `fill`, `mean` and `deviation`."""

    number: list[int] = field(default_factory=list)
    indicator: list[int] = field(default_factory=list)
    category: list[int] = field(default_factory=list)
    code: list[int] = field(default_factory=list)
    edge_column: list[int] = field(default_factory=list)
    edge_low: list[float] = field(default_factory=list)
    edge_high: list[float] = field(default_factory=list)


def make_columns(rows: np.ndarray, features: Sequence[Feature], *, parts: bool) -> Columns:
    """The layer for float32 rows (rows, columns), NaN where a value is missing.

    `parts` says whether it has the parts of the range of a number.
    """
    places = _Places()
    fill = np.zeros(len(features), np.float32)
    for place, feature in enumerate(features):
        if feature.kind == "category":
            fill[place] = _add_category(places, place, feature)
        else:
            fill[place] = _add_number(places, place, feature, rows[:, place], parts)
    columns = Columns(
        len(features),
        len(places.number),
        len(places.indicator),
        len(places.code),
        len(places.edge_column),
    )
    columns.fill.copy_(torch.from_numpy(fill))
    for name, values in vars(places).items():
        buffer = getattr(columns, name)
        buffer.copy_(torch.tensor(values, dtype=buffer.dtype))
    # In float64: a sum of large numbers would lose their digits.
    known = np.where(np.isnan(rows), fill, rows)[:, places.number].astype(np.float64)
    if places.number:
        columns.mean.copy_(torch.from_numpy(known.mean(axis=0)))
        deviation = known.std(axis=0)
        constant = deviation <= 1e-7 * np.abs(known).max(axis=0)
        columns.deviation.copy_(torch.from_numpy(np.where(constant, 1, deviation)))
    return columns


def _add_category(places: _Places, place: int, feature: Feature) -> int:
    """Returns the code of a missing value, which is a value of its own."""
    places.category += [place] * (feature.codes + feature.missing)
    places.code += range(feature.codes + feature.missing)
    return feature.codes


def _add_number(
    places: _Places, place: int, feature: Feature, column: np.ndarray, in_parts: bool
) -> float:
    """Returns the median, which replaces a missing value."""
    places.number.append(place)
    if feature.missing:
        places.indicator.append(place)
    known = column[~np.isnan(column)]
    if not len(known):
        return 0.0
    parts = min(MOST_PARTS, len(known) // ROWS_OF_A_PART)
    if in_parts and feature.kind == "number" and parts > 1:
        edges = np.unique(np.quantile(known, np.linspace(0, 1, parts + 1)).astype(np.float32))
        if len(edges) > 2:
            places.edge_column += [place] * (len(edges) - 1)
            places.edge_low += edges[:-1].tolist()
            places.edge_high += edges[1:].tolist()
    return float(np.median(known))
