"""Population stability index and Kolmogorov-Smirnov, against NumPy and SciPy."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from app.monitor.drift import measure_drift
from stateserve.model.cards.tabular_card import read_card
from stateserve.model.feature_histogram import FeatureHistogram
from stateserve.model.signature_inference.histograms import histograms
from tests.project import IRIS

CARD = read_card(IRIS.with_suffix(".json"))
ROWS = np.array(CARD.training_rows.rows, dtype=np.float32)

centimetres = st.integers(-20, 120).map(lambda tenths: tenths / 10)
columns = npst.arrays(np.float32, st.integers(1, 60), elements=centimetres)


def histogram_of(values: np.ndarray) -> FeatureHistogram:
    return histograms(values.reshape(-1, 1))[0]


def binned(histogram: FeatureHistogram, values: np.ndarray) -> np.ndarray:
    """The number of each value's bin: -1 below the edges, the number of bins above."""
    edges = np.array(histogram.edges, np.float32)
    numbers = np.digitize(values, edges) - 1
    return np.where(values == edges[-1], len(edges) - 2, numbers)


@given(columns, columns)
def test_the_statistic_is_scipys_over_the_bins(trained, seen) -> None:
    # Imported here: it takes a second, in each process that collects the tests.
    from scipy.stats import ks_2samp

    histogram = histogram_of(trained)
    assume(histogram.edges[0] < histogram.edges[-1])
    found = measure_drift(histogram, seen)
    wanted = ks_2samp(binned(histogram, trained), binned(histogram, seen), method="asymp")
    assert found.ks == pytest.approx(wanted.statistic)


@given(columns, columns)
def test_the_p_value_is_kolmogorovs_limit(trained, seen) -> None:
    from scipy.special import kolmogorov

    found = measure_drift(histogram_of(trained), seen)
    size = len(trained) * len(seen) / (len(trained) + len(seen))
    assert found.p_value == pytest.approx(kolmogorov(found.ks * np.sqrt(size)), abs=1e-9)


@given(columns, columns)
def test_the_index_is_the_textbooks(trained, seen) -> None:
    histogram = histogram_of(trained)
    assume(histogram.edges[0] < histogram.edges[-1])
    edges = np.array(histogram.edges, np.float32)
    inside = np.clip(seen, edges[0], edges[-1])
    wanted = 0.0
    for expected, actual in zip(
        np.histogram(trained, edges)[0] / len(trained),
        np.histogram(inside, edges)[0] / len(seen),
        strict=True,
    ):
        expected, actual = max(expected, 1e-4), max(actual, 1e-4)
        wanted += (actual - expected) * np.log(actual / expected)
    assert measure_drift(histogram, seen).psi == pytest.approx(wanted)


@given(columns, columns)
def test_shares_are_whole(trained, seen) -> None:
    drift = measure_drift(histogram_of(trained), seen)
    assert drift.below + drift.above + sum(drift.shares) == pytest.approx(1)
    assert drift.below == np.mean(seen < trained.min())
    assert drift.above == np.mean(seen > trained.max())


@pytest.mark.parametrize("column", range(4))
def test_training_rows_do_not_drift_from_themselves(column: int) -> None:
    drift = measure_drift(CARD.histograms[column], ROWS[:, column])
    assert (drift.psi, drift.below, drift.above, drift.level) == (0, 0, 0, "none")
    assert drift.ks == pytest.approx(0)
    assert drift.p_value == 1


@pytest.mark.parametrize(("power", "level"), [(1.0, "none"), (1.5, "moderate"), (2.0, "major")])
def test_a_feature_that_moves_is_noticed(power: float, level: str) -> None:
    trained = np.linspace(0, 1, 5000, dtype=np.float32)
    assert measure_drift(histogram_of(trained), trained**power).level == level


def test_a_handful_of_rows_is_no_drift() -> None:
    drift = measure_drift(CARD.histograms[0], np.array([5.1, 4.9], np.float32))
    assert drift.psi > 0.25
    assert drift.level == "none"


def test_a_constant_feature_that_moves_is_noticed_by_kolmogorov_and_smirnov() -> None:
    histogram = histogram_of(np.full(50, 3, np.float32))
    drift = measure_drift(histogram, np.full(50, 4, np.float32))
    assert (drift.ks, drift.above) == (1, 1)
    assert drift.p_value < 1e-9
