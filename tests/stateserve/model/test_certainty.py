"""Calibrated probabilities and Mahalanobis distances, against PyTorch and SciPy."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from stateserve.model.cards.tabular_card import read_card
from stateserve.model.certainty import NoveltyDetector, calibrate
from tests.project import IRIS, SETOSA

CARD = read_card(IRIS.with_suffix(".json"))
DETECTOR = NoveltyDetector.from_card(CARD.mahalanobis)
ROWS = np.array(CARD.training_rows.rows, dtype=np.float32)

logits = npst.arrays(np.float64, (3, 4), elements=st.floats(-1e3, 1e3))
rows = npst.arrays(np.float32, (5, 4), elements=st.floats(-100, 100, width=32))


@given(logits, st.floats(0.05, 20))
def test_calibration_is_softmax_of_logits_over_temperature(values, temperature: float) -> None:
    tensor = torch.from_numpy(values)
    found = calibrate(torch.log_softmax(tensor, dim=1).numpy(), temperature)
    wanted = torch.log_softmax(tensor / temperature, dim=1).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1)


def test_calibration_takes_float32_and_any_distance_between_classes() -> None:
    logs = torch.log_softmax(torch.tensor([[1e30, 0.0, -1e30], [0.0, 0.0, 0.0]]), dim=1).numpy()
    found = calibrate(logs, 0.05)
    assert found.dtype == np.float64
    np.testing.assert_allclose(np.exp(found), [[1, 0, 0], [1 / 3] * 3])


@given(rows)
def test_the_distance_is_scipys_to_the_nearest_mean(given_rows) -> None:
    # Imported here: it takes half a second, in each process that collects the tests.
    from scipy.spatial.distance import mahalanobis

    means, precision = CARD.mahalanobis.class_means, np.array(CARD.mahalanobis.precision)
    wanted = [min(mahalanobis(row, mean, precision) for mean in means) for row in given_rows]
    np.testing.assert_allclose(DETECTOR.distances(given_rows), wanted, rtol=1e-6, atol=1e-6)


def test_training_rows_fill_their_own_percentiles() -> None:
    novelty = DETECTOR.judge(ROWS)
    # Each of the 105 rows is at its own rank among them.
    ranks = novelty.distances.argsort().argsort()
    np.testing.assert_allclose(novelty.training_shares, ranks / 104, atol=0.01)
    assert novelty.out_of_distribution.sum() == 2


def test_a_row_unlike_all_training_rows_is_out_of_distribution() -> None:
    setosa = np.array([list(SETOSA.values())], dtype=np.float32)
    assert not DETECTOR.judge(setosa).out_of_distribution[0]
    # Each value is within its training range; only their combination is unlike an iris.
    strange = np.array([[7.9, 2.0, 1.1, 2.5], [1e30, -1e30, 0, 0]], dtype=np.float32)
    novelty = DETECTOR.judge(strange)
    assert novelty.out_of_distribution.tolist() == [True, True]
    assert novelty.training_shares.tolist() == [1.0, 1.0]
    assert np.isfinite(novelty.distances).all()


def test_no_rows_are_judged_as_none() -> None:
    assert DETECTOR.judge(np.empty((0, 4), np.float32)).out_of_distribution.shape == (0,)
