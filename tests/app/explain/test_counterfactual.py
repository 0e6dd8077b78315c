"""The smallest change: analytic on linear models, and no sampled change beats its bound."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.explain.counterfactual import NONE_PROVEN, PROVEN, Counterfactual, find_counterfactual
from app.explain.regions import Regions
from stateserve.checkpoint.formats import read_state
from stateserve.model.architectures.compiled import compile_forward
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.card import read_card
from tests.networks import linear, seeded
from tests.project import IRIS

NO_EXAMPLES = np.empty((0, 0), np.float32)


def classes(module: torch.nn.Module, rows: np.ndarray) -> np.ndarray:
    tensor = torch.from_numpy(rows).to(next(module.parameters()).dtype)
    with torch.inference_mode():
        return module(tensor).argmax(dim=1).numpy()


def search(
    module: Multiclass, row: np.ndarray, scales: np.ndarray, examples: np.ndarray = NO_EXAMPLES
) -> Counterfactual | None:
    return find_counterfactual(
        module, compile_forward(module), row, scales, examples.reshape(-1, len(row))
    ).found


def assert_sound(
    found: Counterfactual, module: Multiclass, row: np.ndarray, scales: np.ndarray
) -> None:
    """What is promised: another class, at that distance, and none below the bound."""
    own = classes(module, row[None])[0]
    assert classes(module, found.row[None])[0] == found.index != own
    np.testing.assert_array_equal(found.row.astype(np.float64), row + found.changes)
    assert found.distance == pytest.approx(float(np.linalg.norm(found.changes / scales)))
    assert found.lower_bound <= found.distance
    generator = np.random.default_rng(0)
    directions = generator.normal(size=(5000, len(row)))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    radii = found.lower_bound * (1 - 1e-4) * generator.uniform(0.5, 1, size=(5000, 1)) ** 0.5
    around = row + directions * radii * scales
    assert (classes(copy.deepcopy(module).double(), around) == own).all()


@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 8), st.integers(2, 4))
@settings(max_examples=60)
def test_no_smaller_change_has_the_effect(seed: int, inputs: int, hidden: int, outs: int) -> None:
    module = seeded(seed, inputs, hidden, outs)
    generator = np.random.default_rng(seed)
    row = generator.normal(size=inputs).astype(np.float32)
    scales = generator.uniform(0.5, 2, size=inputs)
    found = search(module, row, scales)
    if found is None:
        far = generator.normal(size=(5000, inputs)) * 10.0 ** generator.uniform(-1, 3, (5000, 1))
        assert len(set(classes(module, far.astype(np.float32)))) == 1
        return
    assert_sound(found, module, row, scales)
    assert found.proven
    # Where logits run nearly parallel, float32 tells them apart only far past the border.
    assert found.distance - found.lower_bound < 1e-2 * max(1, found.distance)


@pytest.mark.parametrize("seed", range(10))
def test_on_a_linear_model_it_is_the_way_to_the_nearest_hyperplane(seed: int) -> None:
    module, weight = linear(seed)
    row = np.array([0.3, -0.2, 0.1, 0.5], np.float32)
    scales = np.array([1.0, 2.0, 0.5, 4.0])
    with torch.inference_mode():
        logits = module.double().logits(torch.from_numpy(row[None]).double())[0].numpy()
    module.float()
    own = logits.argmax()
    others = np.delete(np.arange(3), own)
    normals = (weight[others] - weight[own]) * scales
    gaps = logits[own] - logits[others]
    wanted = gaps / np.linalg.norm(normals, axis=1)
    found = search(module, row, scales)
    assert found.index == others[wanted.argmin()]
    assert found.lower_bound == pytest.approx(wanted.min(), abs=1e-7)
    assert found.distance == pytest.approx(wanted.min(), abs=1e-3)
    nearest = wanted.argmin()
    direction = normals[nearest] / np.linalg.norm(normals[nearest])
    assert found.proven
    np.testing.assert_allclose(found.changes / scales, direction * wanted.min(), atol=1e-3)


def test_a_nearer_border_in_another_direction_is_found() -> None:
    """One feature; class 1 begins above 3.5 and below -2.5, and the example is above."""
    state = {
        "hidden.weight": torch.tensor([[1.0], [-1.0]]),
        "hidden.bias": torch.tensor([-3.0, -2.0]),
        "output.weight": torch.tensor([[0.0, 0.0], [1.0, 1.0]]),
        "output.bias": torch.tensor([0.5, 0.0]),
    }
    module = Multiclass.from_state(state)
    found = search(module, np.zeros(1, np.float32), np.ones(1), np.array([[9.0]], np.float32))
    assert found.row[0] == pytest.approx(-2.5, abs=1e-4)
    assert found.lower_bound == pytest.approx(2.5, abs=1e-6)


def test_batch_norm_is_part_of_the_model() -> None:
    module = seeded(1, 3, 6, 3, batch_norm=True)
    row, scales = np.array([1.0, 2.0, 0.0], np.float32), np.ones(3)
    found = search(module, row, scales)
    assert_sound(found, module, row, scales)
    assert found.distance - found.lower_bound < 1e-4


def test_a_module_with_one_answer_has_no_counterfactual() -> None:
    module = seeded(0, 2, 3, 2)
    with torch.no_grad():
        module.output.weight.zero_()
        module.output.bias.copy_(torch.tensor([1.0, 0.0]))
    assert search(module, np.zeros(2, np.float32), np.ones(2)) is None


def test_for_every_training_row_of_iris_it_is_proven() -> None:
    module, card = Multiclass.from_state(read_state(IRIS)), read_card(IRIS.with_suffix(".json"))
    rows, scales = np.array(card.training_rows.rows, np.float32), np.array(card.scales)
    for row in rows:
        found = search(module, row, scales, rows)
        assert found.proven
        assert found.distance - found.lower_bound < 1e-4
    assert_sound(found, module, row, scales)


def test_a_wide_network_gets_the_best_that_the_work_limit_allows() -> None:
    module = seeded(0, 20, 400, 5)
    examples = np.random.default_rng(0).normal(size=(50, 20)).astype(np.float32)
    row, scales = examples[0], np.full(20, 4.0)
    found = search(module, row, scales, examples)
    assert_sound(found, module, row, scales)
    assert not found.proven
    assert found.lower_bound < found.distance
    others = examples[classes(module, examples) != classes(module, row[None])[0]]
    assert found.distance < np.linalg.norm((others - row) / scales, axis=1).min()


@given(st.integers(0, 2000))
@settings(max_examples=30)
def test_less_work_only_loosens_the_bound(work: int) -> None:
    module = seeded(5, 3, 12, 3)
    row, scales = np.zeros(3, np.float32), np.ones(3)
    own = int(classes(module, row[None])[0])
    proven = Regions.around(module, row, own, scales).nearest_border().distance
    regions = Regions.around(module, row, own, scales)
    regions.work = work
    start = search(module, row, scales).changes * 1.5
    border, distance, bound = regions.nearest_border(start)
    assert bound <= proven + 1e-8
    assert proven - 1e-8 <= distance <= np.linalg.norm(start)
    if border is not None:
        assert np.linalg.norm(regions.step(border, np.inf)) == pytest.approx(distance)


def test_a_row_on_the_border_needs_next_to_no_change() -> None:
    state = {
        "hidden.weight": torch.tensor([[1.0]]),
        "hidden.bias": torch.tensor([5.0]),
        "output.weight": torch.tensor([[1.0], [2.0]]),
        "output.bias": torch.tensor([5.0, 0.0]),
    }
    module = Multiclass.from_state(state)
    found = search(module, np.zeros(1, np.float32), np.ones(1))
    assert (found.index, found.lower_bound) == (1, 0.0)
    assert 0 < found.distance < 1e-4


def test_a_class_that_float32_cannot_tell_is_not_reported() -> None:
    """Class 1 is likelier by 1e-7 at most, in a small place around 2."""
    state = {
        "hidden.weight": torch.tensor([[1.0], [1.0]]),
        "hidden.bias": torch.tensor([-1.0, -2.0]),
        "output.weight": torch.tensor([[0.0, 0.0], [1.0, -2.0]]),
        "output.bias": torch.tensor([0.0, -0.9999999]),
    }
    module = Multiclass.from_state(state)
    row = np.zeros(1, np.float32)
    nearest = Regions.around(module, row, 0, np.ones(1)).nearest_border()
    assert nearest.lower_bound == pytest.approx(2, abs=1e-6)
    assert search(module, row, np.ones(1)) is None


@pytest.mark.parametrize("seed", range(12))
def test_on_a_fine_grid_nothing_nearer_is_found(seed: int) -> None:
    """Brute force over two features, up to four training ranges away."""
    module = seeded(seed, 2, 6, 3)
    row, scales = np.random.default_rng(seed).normal(size=2).astype(np.float32), np.array([1.0, 2])
    axis = np.linspace(-4, 4, 801)
    steps = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    other = classes(module.double(), row + steps * scales) != classes(module, row[None])[0]
    nearest = np.linalg.norm(steps[other], axis=1).min(initial=np.inf)
    found = search(module.float(), row, scales)
    if found is None:
        assert nearest == np.inf
    else:
        # The border may lie up to a cell of the grid before the first point past it.
        assert found.distance <= nearest + 1e-3
        assert found.distance >= min(nearest, 4) - 0.015


@pytest.mark.parametrize("seed", range(6))
def test_where_the_search_is_cut_short_it_still_finds_and_needs_each_change(seed: int) -> None:
    module = seeded(seed, 12, 300, 4)
    generator = np.random.default_rng(seed)
    row, scales = generator.normal(size=12).astype(np.float32), np.ones(12)
    found = search(module, row, scales)
    far = (row + generator.normal(size=(20_000, 12)) * 5).astype(np.float32)
    if found is None:
        assert len(set(classes(module, far))) == 1
        return
    assert_sound(found, module, row, scales)
    for feature in np.flatnonzero(found.changes):
        fewer = found.row.copy()
        fewer[feature] = row[feature]
        assert classes(module, fewer[None])[0] == classes(module, row[None])[0]


def test_it_is_said_in_words_what_is_proven() -> None:
    row, scales = np.zeros(2, np.float32), np.ones(2)
    examples = np.empty((0, 2), np.float32)

    def statement(module: Multiclass) -> str:
        forward = compile_forward(module)
        found = find_counterfactual(module, forward, row, scales, examples)
        assert found.statement.startswith("proven: " if found.proven else "found by search: ")
        return found.statement

    assert statement(seeded(1, 2, 3, 3)) == PROVEN
    alone = seeded(0, 2, 3, 2)
    with torch.no_grad():
        alone.output.weight.zero_()
        alone.output.bias.copy_(torch.tensor([1.0, 0.0]))
    assert statement(alone) == NONE_PROVEN


def test_a_range_far_wider_than_the_others_is_no_division_by_zero() -> None:
    module = Multiclass.from_state(read_state(IRIS))
    row = np.array([5.1, 3.5, 1.4, 0.2], np.float32)
    scales = np.array([7.9e8, 2.4, 5.8, 2.4])
    assert_sound(search(module, row, scales), module, row, scales)
