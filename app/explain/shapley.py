"""Shapley values of the columns of a table: any module, without gradients."""

from collections.abc import Callable, Sequence
from functools import partial
from math import comb

import numpy as np
from numpy.typing import NDArray

from app.errors import NotProvided
from app.explain.attribution import Attributed
from stateserve.checkpoint import Array
from stateserve.model import Arrays, Feature, Output, TensorModel, to_array
from stateserve.model.architectures import Columns

# Of up to so many columns, each set of columns is a row, and the shares are exact.
MOST_EXACT = 10
# Each order of the columns takes a row for each column; more orders, more exact values.
MOST_ORDERS = 64
MOST_ROWS = 2**14
# In one pass.
MOST_NUMBERS = 2**20
SEED = 0
Scores = NDArray[np.float64]
Chosen = Callable[[NDArray[np.int64]], NDArray[np.bool_]]
MakeScores = Callable[[int, Chosen], Scores]


def takes_columns(model: TensorModel) -> bool:
    """Whether columns explain more than gradients: of a table with categories, booleans or missing
    values, or of a module that knows the medians of its columns."""
    inputs = model.signature.inputs
    if len(inputs) > 1 or not inputs[0].features:
        return False
    return not inputs[0].plain or _medians(model) is not None


def share(
    model: TensorModel, inputs: Arrays, output: Output, index: int, check: Callable[[], None]
) -> Attributed:
    """Share the value at `index` of the flat `output` among the columns of the one instance.

    Each column is changed from the baseline to its value, after each set of other columns; its
    share is the mean of the changes of the output. For more than MOST_EXACT columns, it is the
    mean over random orders and their reverse. The baseline has the medians of numbers,
    and no value of a category. `check` is called before each pass, and may raise. Raises
    NotProvided for a model without one table, or ForwardFailed. Source: Castro et al. 2009,
    "Polynomial calculation of the Shapley value based on sampling", with antithetic orders
    (Mitchell et al. 2022, arXiv:2104.12199).
    """
    given = model.signature.inputs[0]
    if len(inputs) > 1 or not given.features:
        raise NotProvided("method=shapley explains the named columns of the only input")
    row = inputs[given.name][0]
    base = _baseline(model, given.features, row)

    def scores(count: int, chosen: Chosen) -> Scores:
        """The scores of `count` rows, which have the columns `chosen` of the instance."""
        found, most = [], max(1, MOST_NUMBERS // len(row))
        for start in range(0, count, most):
            check()
            part = chosen(np.arange(start, min(count, start + most))[:, None])
            values = model.run({given.name: np.where(part, row, base)})[output.name]
            found.append(values.reshape(len(part), -1)[:, index].astype(np.float64))
        return np.concatenate(found)

    shares, first, last = (_exact if len(row) <= MOST_EXACT else _sampled)(len(row), scores)
    values: Arrays = {given.name: shares.astype(np.float32)}
    return Attributed(values, last, first, float(shares.sum()) - (last - first))


def _exact(columns: int, scores: MakeScores) -> tuple[Scores, float, float]:
    places = np.arange(columns)
    found = scores(2**columns, lambda numbers: (numbers >> places) & 1 == 1)
    sets = np.arange(2**columns)
    sizes = np.array([int(each).bit_count() for each in sets])
    shares = np.zeros(columns)
    for place in places:
        others = sets[(sets >> place) & 1 == 0]
        weights = 1 / (columns * np.array([comb(columns - 1, size) for size in sizes[others]]))
        shares[place] = (weights * (found[others | 1 << place] - found[others])).sum()
    return shares, float(found[0]), float(found[-1])


def _sampled(columns: int, scores: MakeScores) -> tuple[Scores, float, float]:
    shares = np.zeros(columns)
    first = last = 0.0
    orders = _orders(columns)
    for order in orders:
        ranks = np.argsort(order)
        found = scores(columns + 1, partial(np.less, ranks))
        first, last = float(found[0]), float(found[-1])
        shares[order] += np.diff(found)
    return shares / len(orders), first, last


def _orders(columns: int) -> list[NDArray[np.int64]]:
    count = max(1, min(MOST_ORDERS, MOST_ROWS // (columns + 1)) // 2)
    random = np.random.default_rng(SEED)
    found = [random.permutation(columns) for _ in range(count)]
    return [order for each in found for order in (each, each[::-1])]


def _baseline(model: TensorModel, features: Sequence[Feature], row: Array) -> Array:
    """A row that says nothing: the medians, and no value of a category."""
    found = _medians(model)
    if found is None or len(found) != len(row):
        found = np.array([_plain_value(each) for each in features])
    return found.astype(row.dtype)


def _medians(model: TensorModel) -> Array | None:
    """What a layer `columns` of the module puts in the place of missing values."""
    columns: object = getattr(model.module, "columns", None)
    return to_array(columns.fill) if isinstance(columns, Columns) else None


def _plain_value(feature: Feature) -> float:
    return np.nan if feature.missing else feature.example or 0.0
