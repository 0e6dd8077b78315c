"""Explanations: analytic on a linear model, complete on any, and against forward hooks."""

import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.errors import NotProvided
from app.explain import explain
from app.explain.neighbours import NEIGHBOURS
from app.explain.tabular_gradients import STEPS, integrated_gradients
from stateserve.model.architectures.compiled import compile_forward
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.cards.tabular_card import read_card
from tests.networks import linear, seeded
from tests.project import IRIS, SETOSA
from tests.states import read_tensors

IRIS_MODULE = Multiclass.from_state(read_tensors(IRIS))
FORWARD = compile_forward(IRIS_MODULE)
CARD = read_card(IRIS.with_suffix(".json"))
ROW = np.array(list(SETOSA.values()), np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_on_a_linear_model_attributions_are_weight_times_difference(seed: int) -> None:
    module, weight = linear(seed)
    row = np.array([0.3, -0.2, 0.1, 0.5], np.float32)
    baseline = np.array([-0.1, 0.4, 0.0, 0.2], np.float32)
    for index in range(3):
        found = integrated_gradients(module, row, baseline, index)
        np.testing.assert_allclose(found.values, weight[index] * (row - baseline), atol=1e-6)
        assert found.convergence_delta == pytest.approx(0, abs=1e-6)


@given(st.integers(0, 1000), st.booleans())
def test_attributions_sum_to_the_difference_within_the_delta(seed: int, norm: bool) -> None:
    module = seeded(seed, 5, 9, 3, batch_norm=norm)
    row, baseline = np.random.default_rng(seed).normal(size=(2, 5)).astype(np.float32) * 3
    found = integrated_gradients(module, row, baseline, seed % 3)
    difference = found.logit - found.baseline_logit
    assert found.values.sum() == pytest.approx(difference + found.convergence_delta, abs=1e-9)
    with torch.inference_mode():
        exact = module.logits(torch.from_numpy(np.stack([row, baseline])))[:, seed % 3]
    assert [found.logit, found.baseline_logit] == pytest.approx(exact.tolist(), abs=1e-4)
    # Each of the 9 kinks is misplaced by at most half a step, and no gradient is above 10.
    assert abs(found.convergence_delta) < 9 * 10 * np.abs(row - baseline).sum() / STEPS / 2


def test_activations_are_what_forward_hooks_see() -> None:
    found = explain(IRIS_MODULE, FORWARD, CARD, ROW)
    article = Multiclass()
    article.load_state_dict(torch.load(IRIS))
    seen = {}
    for name, layer in article.named_children():
        layer.register_forward_hook(lambda _, __, output, name=name: seen.update({name: output}))
    article(torch.from_numpy(ROW[None]))
    assert list(found.activations) == list(seen)
    for name, output in seen.items():
        np.testing.assert_allclose(found.activations[name], output[0].detach(), rtol=1e-6)
    np.testing.assert_array_equal(found.log_probabilities, found.activations["logsoftmax"])


def test_neighbours_are_the_nearest_training_rows_of_each_class() -> None:
    found = explain(IRIS_MODULE, FORWARD, CARD, ROW)
    rows, labels = np.array(CARD.training_rows.rows), np.array(CARD.training_rows.labels)
    ranges = np.ptp(rows, axis=0)
    for index, neighbours in enumerate(found.neighbours):
        distances = np.sqrt((((rows[labels == index] - ROW) / ranges) ** 2).sum(axis=1))
        nearest = np.sort(distances)[:NEIGHBOURS]
        np.testing.assert_allclose([n.distance for n in neighbours], nearest, rtol=1e-5, atol=1e-6)
        for neighbour in neighbours:
            place = np.abs(rows - neighbour.row).sum(axis=1).argmin()
            assert labels[place] == index
            np.testing.assert_allclose(rows[place], neighbour.row, rtol=1e-6)


def test_every_training_row_is_its_own_nearest_neighbour() -> None:
    for row, label in zip(CARD.training_rows.rows[:5], CARD.training_rows.labels, strict=False):
        found = explain(IRIS_MODULE, FORWARD, CARD, np.array(row, np.float32))
        assert found.neighbours[label][0].distance == 0


def test_a_card_without_training_rows_still_explains() -> None:
    bare = CARD.model_copy(update={"training_rows": None})
    found, full = explain(IRIS_MODULE, FORWARD, bare, ROW), explain(IRIS_MODULE, FORWARD, CARD, ROW)
    assert found.neighbours is None
    assert found.counterfactual.distance == pytest.approx(full.counterfactual.distance, rel=0.02)


def test_without_a_baseline_the_answer_says_how_to_get_one() -> None:
    with pytest.raises(NotProvided, match="holds no baseline"):
        explain(IRIS_MODULE, FORWARD, CARD.model_copy(update={"baseline": None}), ROW)


def test_without_the_extra_the_answer_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Python's error for a package that is not installed.
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(NotProvided, match="`python -m pip install captum`"):
        explain(IRIS_MODULE, FORWARD, CARD, ROW)
