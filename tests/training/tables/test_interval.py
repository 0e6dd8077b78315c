"""Intervals of values, on residuals whose distribution is known."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from training.tables.interval import fit_interval

PARTS = 5
NUMBERS = arrays(np.float32, st.integers(1, 60), elements=st.floats(-1e6, 1e6, width=32))


def _shares(kind: str, rows: int) -> tuple[float, np.ndarray]:
    """The share of other rows in their interval: of all, and by fifths of the predicted value."""
    random = np.random.default_rng(0)

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        predicted = np.exp(random.normal(size=count))
        noise = random.normal(size=count)
        if kind == "in proportion":
            return predicted, predicted * np.exp(0.4 * noise)
        if kind == "skewed":
            return predicted, predicted * random.exponential(size=count)
        return predicted, predicted + noise

    held_out = draw(rows)
    found = fit_interval(*held_out, held_out[1])
    predicted, truth = draw(20_000)
    values, ends = found(torch.from_numpy(predicted.astype(np.float32)))
    low, high = ends.numpy().T
    assert (low <= values.numpy()).all()
    assert (high >= values.numpy()).all()
    inside = (truth >= low) & (truth <= high)
    parts = np.array_split(np.argsort(predicted), PARTS)
    return float(inside.mean()), np.array([inside[part].mean() for part in parts])


@pytest.mark.parametrize("kind", ["in proportion", "skewed", "constant"])
@pytest.mark.parametrize("rows", [200, 4000])
def test_each_fifth_of_the_values_is_in_its_interval(kind: str, rows: int) -> None:
    share, by_part = _shares(kind, rows)
    assert 0.85 <= share <= 0.95
    assert by_part.min() >= 0.8
    assert by_part.max() <= 0.98


@given(NUMBERS, st.floats(-1, 1))
def test_any_targets_have_finite_intervals_within_the_range_of_those_above_zero(
    targets: np.ndarray, factor: float
) -> None:
    predicted = targets.astype(np.float64) * factor
    values, ends = fit_interval(predicted, targets, targets)(torch.from_numpy(targets))
    assert ends.isfinite().all()
    assert (ends[:, 0] <= values).all()
    assert (values <= ends[:, 1]).all()
    if targets.min() >= 0:
        assert ends.min() >= targets.min()
        assert ends.max() <= targets.max()


def test_the_limits_are_those_of_all_training_rows() -> None:
    held_out = np.array([2.0, 3.0])
    assert fit_interval(held_out, held_out, np.array([1.0, 2.0, 3.0, 9.0])).limits.tolist() == [
        1,
        9,
    ]
    assert fit_interval(held_out, held_out, np.array([-1.0, 2.0, 3.0])).limits.tolist() == []
