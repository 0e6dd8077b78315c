"""Drift of categories, booleans and missing values, against SciPy and the textbook."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.monitor.category_drift import CategoryBins, measure_category_drift
from app.monitor.drift import chi_square_p_value, measure_drift
from stateserve.model import Feature, FeatureHistogram, histograms

VALUES = ["a", "b", "c"]
counts = st.lists(st.integers(0, 500), min_size=2, max_size=12)


@given(st.data(), counts)
def test_the_p_value_is_that_of_chi_square(data: st.DataObject, first: list[int]) -> None:
    from scipy.stats import chi2_contingency

    size = len(first)
    second = data.draw(st.lists(st.integers(0, 500), min_size=size, max_size=size))
    table = np.array([first, second])
    found = chi_square_p_value(*table)
    used = table[:, table.sum(axis=0) > 0]
    if used.shape[1] < 2 or not used.sum(axis=1).all():
        assert found == 1
    else:
        wanted = chi2_contingency(used, correction=False).pvalue
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-300)


def drift_of(feature: Feature, trained: list[float], seen: list[float]):
    (histogram,) = histograms(np.array([trained], np.float32).T, [feature])
    assert FeatureHistogram.model_validate_json(histogram.model_dump_json()) == histogram
    bins = CategoryBins.of(feature, histogram)
    return bins, measure_category_drift(bins, np.array(seen, np.float32))


def test_a_category_that_moves_is_noticed_and_missing_values_are_a_bin_of_their_own() -> None:
    feature = Feature(name="x", kind="category", values=VALUES, missing=True)
    trained = [0.0] * 50 + [1.0] * 40 + [np.nan] * 10
    bins, same = drift_of(feature, trained, trained[::2])
    assert bins.names == VALUES
    assert (bins.trained.tolist(), bins.trained_missing) == ([50, 40, 0], 10)
    assert (same.psi, same.level, same.missing) == (pytest.approx(0), "none", 0.1)
    assert same.shares == [0.5, 0.4, 0]
    _, moved = drift_of(feature, trained, [2.0] * 30 + [0.0] * 30)
    wanted = sum(
        (b - a) * np.log(b / a) for a, b in [(0.5, 0.5), (0.4, 1e-4), (1e-4, 0.5), (0.1, 1e-4)]
    )
    assert moved.psi == pytest.approx(wanted)
    assert (moved.level, moved.ks, moved.missing) == ("major", None, 0)
    _, few = drift_of(feature, trained, [0.0, 1.0])
    assert few.level == "none"


def test_unknown_values_and_rare_ones_share_a_bin() -> None:
    values = [f"v{place}" for place in range(40)]
    feature = Feature(name="x", kind="category", values=values, other=True, missing=True)
    trained = [float(place) for place in range(40) for _ in range(place + 1)] + [40.0, np.nan]
    bins, drift = drift_of(feature, trained, [40.0, np.nan, 0.0, 39.0])
    assert bins.names == [*values[20:], "other values"]
    assert bins.trained[-1] == sum(range(1, 21)) + 2
    assert (drift.shares[-1], drift.shares[-2], drift.missing) == (0.75, 0.25, 0)


def test_a_boolean_has_two_bins() -> None:
    bins, drift = drift_of(Feature(name="x", kind="boolean"), [0.0, 1.0] * 50, [1.0] * 50)
    assert (bins.names, drift.shares, drift.level) == (["false", "true"], [0, 1], "major")


def test_numbers_that_become_missing_drift() -> None:
    numbers = np.random.default_rng(0).normal(size=(400, 1)).astype("f4")
    numbers[:40] = np.nan
    (histogram,) = histograms(numbers)
    assert (sum(histogram.counts), histogram.missing) == (360, 40)
    same = measure_drift(histogram, numbers[:, 0])
    assert (same.psi, same.level) == (pytest.approx(0), "none")
    assert same.missing + same.below + same.above + sum(same.shares) == pytest.approx(1)
    lost = numbers[:, 0].copy()
    lost[200:] = np.nan
    found = measure_drift(histogram, lost)
    assert (found.level, found.missing) == ("major", 0.6)
    assert found.ks == pytest.approx(measure_drift(histogram, lost[40:200]).ks)
    gone = measure_drift(histogram, np.full(50, np.nan, np.float32))
    assert (gone.ks, gone.missing, gone.level) == (None, 1, "major")
    (nothing,) = histograms(np.full((50, 1), np.nan, np.float32))
    assert measure_drift(nothing, numbers[:, 0]).level == "major"
