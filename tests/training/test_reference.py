"""The card's statistics of the training rows, against NumPy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from stateserve.model.cards.tabular_card import read_card
from stateserve.model.certainty import NoveltyDetector
from stateserve.model.signature_inference.histograms import histograms
from tests.project import IRIS
from training.data import iris
from training.fit import Settings, split_rows
from training.reference import keep_rows, mahalanobis

SPLIT = split_rows(iris(), Settings())
ROWS, LABELS = SPLIT.train_rows.numpy(), SPLIT.train_labels.numpy()


def test_the_precision_is_the_inverse_of_the_pooled_covariance() -> None:
    found = mahalanobis(ROWS, LABELS, 3)
    model = LinearDiscriminantAnalysis(solver="lsqr", store_covariance=True)
    model.fit(ROWS.astype(np.float64), LABELS)
    np.testing.assert_allclose(found.class_means, model.means_)
    # scikit-learn divides by the rows, we by the remaining degrees of freedom.
    pooled = model.covariance_ * 105 / 102
    np.testing.assert_allclose(np.linalg.inv(found.precision), pooled, rtol=1e-3)


def test_a_constant_and_a_copied_feature_do_no_harm() -> None:
    constant = np.full_like(ROWS[:, :1], 7)
    wide = np.hstack([ROWS, constant, ROWS[:, :1] * 1000])
    detector = NoveltyDetector.from_card(mahalanobis(wide, LABELS, 3))
    assert not detector.judge(wide[:1]).out_of_distribution[0]
    moved, torn = wide[:1].copy(), wide[:1].copy()
    moved[0, 4] = 8
    torn[0, 5] += 500
    assert detector.judge(np.vstack([moved, torn])).out_of_distribution.all()


def test_one_row_of_each_class_is_enough() -> None:
    detector = NoveltyDetector.from_card(mahalanobis(ROWS[:2], np.array([0, 1]), 2))
    np.testing.assert_allclose(detector.distances(ROWS[:2]), 0, atol=1e-6)


@pytest.mark.parametrize("column", range(4))
def test_a_histogram_counts_every_training_row_once(column: int) -> None:
    histogram = histograms(ROWS)[column]
    edges = np.array(histogram.edges, dtype=np.float32)
    assert (edges[0], edges[-1]) == (ROWS[:, column].min(), ROWS[:, column].max())
    counts, _ = np.histogram(ROWS[:, column], bins=edges)
    assert counts.tolist() == histogram.counts
    assert sum(histogram.counts) == 105


def test_a_feature_with_one_value_has_one_bin() -> None:
    (histogram,) = histograms(np.full((5, 1), 2.5, np.float32))
    assert (histogram.edges, histogram.counts) == ([2.5, 2.5], [5])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(1, 40))
def test_rows_are_kept_evenly_by_class_and_in_order(labels: list[int], limit: int) -> None:
    rows = np.arange(len(labels), dtype=np.float32)[:, None]
    kept = keep_rows(rows, np.array(labels), limit)
    places = [int(row[0]) for row in kept.rows]
    assert places == sorted(places)
    assert [labels[place] for place in places] == kept.labels
    assert (kept.total, len(places)) == (len(labels), min(limit, len(labels)))
    left_out = [label for place, label in enumerate(labels) if place not in places]
    # A class that lost a row has at most one row fewer than the largest class.
    most = max(kept.labels.count(label) for label in set(kept.labels))
    assert all(kept.labels.count(label) >= most - 1 for label in left_out)


def test_the_committed_card_keeps_the_training_rows() -> None:
    card = read_card(IRIS.with_suffix(".json"))
    np.testing.assert_array_equal(np.array(card.training_rows.rows, np.float32), ROWS)
    assert card.training_rows.labels == LABELS.tolist()
    np.testing.assert_allclose(card.baseline, ROWS.mean(axis=0), rtol=1e-6)
    assert card.histograms == histograms(ROWS)
    found = mahalanobis(ROWS, LABELS, 3)
    np.testing.assert_allclose(card.mahalanobis.precision, found.precision, rtol=1e-6)
    np.testing.assert_allclose(card.mahalanobis.percentiles, found.percentiles, rtol=1e-6)
