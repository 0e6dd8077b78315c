"""The charts of the report."""

from itertools import chain

import numpy as np

from training.tables.loop import Curves
from training.tables.report.calibration import Reliability
from training.tables.report.chart import Axis, Chart, number
from training.tables.report.tested import Tested

MOST_DOTS = 1000


def draw_curves(curves: Curves) -> Chart:
    """The loss of each epoch: on the rows of training, and on those held out."""
    held_out = (
        f"; the loss on held-out rows from {number(curves.validation[0])} "
        f"to {number(min(curves.validation))} at its best"
        if curves.validation
        else ""
    )
    chart = Chart(
        f"Loss by epoch. The loss on training rows goes from {number(curves.train[0])} "
        f"to {number(curves.train[-1])}{held_out}.",
        Axis("epoch", 1, max(len(curves.train), 2)),
        Axis.over("loss", [0, *curves.train, *curves.validation]),
    )
    chart.line(list(enumerate(curves.train, 1)), "first")
    chart.line(list(enumerate(curves.validation, 1)), "second")
    return chart


def draw_reliability(found: Reliability) -> Chart:
    """The share of correct answers by the probability that the model gave."""
    chart = Chart(
        "Share of correct answers by probability: "
        + "; ".join(f"{b.said:.2f} said, {b.found:.2f} correct" for b in found.bins),
        Axis("probability of the answer", 0, 1),
        Axis("share of correct answers", 0, 1),
    )
    chart.line([(0, 0), (1, 1)], "rule")
    points = [(each.said, each.found) for each in found.bins]
    chart.line(points, "first")
    chart.dots(points, "first", 4)
    return chart


def draw_residuals(tested: Tested, unit: str | None) -> Chart:
    """What the prediction is off by, over the prediction; and the interval."""
    places = np.random.default_rng(0).permutation(len(tested.truth))[:MOST_DOTS]
    found = tested.answers[places].astype(np.float64)
    off = tested.truth[places] - found
    of_unit = f" ({unit})" if unit else ""
    across = Axis.over(f"predicted{of_unit}", found.tolist())
    order = places[np.argsort(found, kind="stable")]
    predicted = tested.answers[order]
    sides: list[list[float]] = []
    if tested.interval is not None:
        # The width follows the prediction.
        sides = (tested.interval[order] - predicted[:, None]).T.tolist()
    chart = Chart(
        f"What the prediction is off by, of {len(places)} test rows: from {number(off.min())} "
        f"to {number(off.max())}, in the middle {number(float(np.median(off)))}.",
        across,
        Axis.over(f"true - predicted{of_unit}", [0, *off.tolist(), *chain(*sides)]),
    )
    chart.dots(list(zip(found.tolist(), off.tolist(), strict=True)), "first")
    chart.line([(across.low, 0), (across.high, 0)], "rule")
    for ends in sides:
        chart.line(list(zip(predicted.tolist(), ends, strict=True)), "second")
    return chart
