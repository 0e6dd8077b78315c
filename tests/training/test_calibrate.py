"""Known temperatures are recovered; the calibration error is compared with manual results."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from stateserve.model import certainty
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.cards.tabular_card import read_card
from tests.project import IRIS
from tests.states import read_tensors
from training.calibrate import (
    HIGHEST,
    LOWEST,
    calibrate,
    error_interval,
    expected_calibration_error,
    fit_temperature,
)
from training.data import iris
from training.fit import Settings, fit_split, split_rows


@pytest.mark.parametrize("true_temperature", [0.3, 1.0, 4.0])
def test_the_temperature_that_made_the_labels_is_found(true_temperature: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 3, generator=generator, dtype=torch.float64) * 3
    chances = torch.softmax(logits / true_temperature, dim=1)
    labels = torch.multinomial(chances, 1, generator=generator)[:, 0]
    found = fit_temperature(torch.log_softmax(logits, dim=1).numpy(), labels.numpy())
    assert found == pytest.approx(true_temperature, rel=0.05)
    slope = _slope_of_the_loss(logits, labels, found)
    assert abs(slope) < 1e-4


def _slope_of_the_loss(logits: Tensor, labels: Tensor, temperature: float) -> float:
    """The gradient by autograd; 0 at the minimum."""
    variable = torch.tensor(temperature, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.cross_entropy(logits / variable, labels).backward()
    return float(variable.grad)


@pytest.mark.parametrize(("labels", "bound"), [([0, 1], LOWEST), ([1, 0], HIGHEST)])
def test_rows_all_right_or_all_wrong_end_at_a_bound(labels: list[int], bound: float) -> None:
    logs = torch.log_softmax(torch.tensor([[0.2, 0.0], [0.0, 0.2]]).double(), dim=1).numpy()
    assert fit_temperature(logs, np.array(labels)) == pytest.approx(bound, rel=1e-3)


def test_calibration_error_by_hand() -> None:
    chances = np.array([[0.9, 0.1], [0.88, 0.12], [0.65, 0.35], [0.4, 0.6]])
    # Bins of 1/15: {0.9, 0.88} are right and wrong, {0.65} right, {0.6} wrong.
    labels = np.array([0, 1, 0, 0])
    wanted = (2 * abs(0.5 - 0.89) + abs(1 - 0.65) + abs(0 - 0.6)) / 4
    assert expected_calibration_error(np.log(chances), labels) == pytest.approx(wanted)
    certain = np.log(np.array([[1.0, 1e-300]] * 3))
    assert expected_calibration_error(certain, np.zeros(3, int)) == pytest.approx(0)
    assert expected_calibration_error(certain, np.ones(3, int)) == pytest.approx(1)


def test_the_interval_narrows_as_rows_are_added() -> None:
    """Rows of one confidence c: the error is |accuracy - c|, its resamples binomial."""
    widths = []
    for count in (40, 4000):
        chances = np.tile([0.7, 0.3], (count, 1))
        labels = (np.arange(count) % 10 >= 9).astype(np.int64)
        low, high = error_interval(np.log(chances), labels)
        ends = scipy.stats.binom(count, 0.9).ppf([0.025, 0.975]) / count - 0.7
        # The end of a binomial may fall on either of two counts.
        assert [low, high] == pytest.approx(ends, abs=2.5 / count + 1e-3)
        widths.append(high - low)
    assert widths[1] < widths[0] / 5
    assert error_interval(np.log([[0.8, 0.2]]), np.zeros(1, int)) == pytest.approx([0.2, 0.2])


def test_the_committed_calibration_is_that_of_the_committed_state() -> None:
    calibration = read_card(IRIS.with_suffix(".json")).calibration
    split = split_rows(iris(), Settings())
    with torch.inference_mode():
        logs = Multiclass.from_state(read_tensors(IRIS))(split.test_rows).double().numpy()
    labels = split.test_labels.numpy()
    after = certainty.calibrate(logs, calibration.temperature)
    for found, claimed in ((logs, calibration.before), (after, calibration.after)):
        error = expected_calibration_error(found, labels)
        assert error == pytest.approx(claimed.expected_calibration_error, abs=1e-4)
        loss = torch.nn.functional.nll_loss(torch.from_numpy(found), split.test_labels)
        assert float(loss) == pytest.approx(claimed.negative_log_likelihood, abs=1e-4)
    assert calibration.after.expected_calibration_error < 0.05
    assert calibration.before.expected_calibration_error > 0.15
    assert (calibration.fitted_rows, calibration.measured_rows) == (105, 45)


def test_test_rows_take_no_part_in_fitting() -> None:
    settings = Settings(epochs=2, batch_size=20)
    split = split_rows(iris(), settings)
    fitted = fit_split(split, 3, settings)
    others = replace(split, test_rows=split.test_rows + 1, test_labels=split.test_labels.flip(0))
    first, second = (
        calibrate(replace(fitted, split=each), iris(), settings) for each in (split, others)
    )
    assert first.temperature == second.temperature
    assert first.before != second.before


def test_a_class_with_one_training_row_leaves_nothing_to_hold_out() -> None:
    settings = Settings(epochs=1)
    split = split_rows(iris(), settings)
    labels = torch.zeros_like(split.train_labels)
    labels[:2] = torch.tensor([1, 2])
    fitted = fit_split(replace(split, train_labels=labels), 3, settings)
    assert calibrate(fitted, iris(), settings) is None
    labels[2:4] = torch.tensor([1, 2])
    folds = []
    fitted = fit_split(replace(split, train_labels=labels), 3, settings)
    calibration = calibrate(fitted, iris(), settings, folds.append)
    assert folds == [0, 1]
    assert calibration.fitted_on == "2-fold cross-validation on the training rows"
