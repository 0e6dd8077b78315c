"""A row's answer has the same bits alone, in any batch, and at any position in it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stateserve.model.architectures.compiled import (
    FEW_CLASSES,
    MANY_ROWS,
    Forward,
    compile_forward,
    most_probable,
)
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.architectures.product import (
    FEW_ROWS,
    FEW_WEIGHTS,
    compile_product,
    sum_in_order,
)
from stateserve.model.cards.training_data import Mahalanobis
from stateserve.model.certainty import NoveltyDetector, calibrate

narrow = st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(2, 20))
wide = st.sampled_from([(64, 256, 10), (33, 17, 12), (7, 100, 40), (300, 5, 9), (200, 130, 100)])
counts = st.one_of(st.integers(1, 70), st.integers(FEW_ROWS - 2, FEW_ROWS + 40))
seeds = st.integers(0, 2**32 - 1)


def seeded_forward(size: tuple[int, int, int], seed: int, batch_norm: bool) -> Forward:
    torch.manual_seed(seed)
    module = Multiclass(*size, batch_norm=batch_norm)
    if batch_norm:
        module(torch.randn(20, size[0]) * 7 + 3)
    return compile_forward(module.eval())


def some_rows(seed: int, count: int, width: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    scales = 10.0 ** generator.integers(-3, 4, width)
    return (generator.normal(size=(count, width)) * scales).astype(np.float32)


@given(st.one_of(narrow, wide), counts, seeds, st.booleans(), st.data())
def test_a_row_has_one_answer(
    size: tuple[int, int, int], count: int, seed: int, batch_norm: bool, data: st.DataObject
) -> None:
    forward = seeded_forward(size, seed, batch_norm)
    rows = some_rows(seed, count, size[0])
    together = forward(rows)
    order = np.random.default_rng(seed).permutation(count)
    assert forward(rows[order]).tobytes() == together[order].tobytes()
    assert forward(np.asfortranarray(rows)).tobytes() == together.tobytes()
    cut = data.draw(st.integers(0, count - 1))
    parts = [forward(rows[:cut])] if cut else []
    assert np.concatenate([*parts, forward(rows[cut:])]).tobytes() == together.tobytes()
    for place in (0, cut, count - 1):
        assert forward(rows[place : place + 1]).tobytes() == together[place : place + 1].tobytes()


def test_it_has_it_among_the_rows_of_several_blocks() -> None:
    forward = seeded_forward((4, 8, 3), 0, batch_norm=False)
    rows = some_rows(0, 16_384 * 2 + 5, 4)
    together = forward(rows)
    alone = np.concatenate([forward(rows[at : at + 1]) for at in range(0, len(rows), 7)])
    assert alone.tobytes() == together[::7].tobytes()


@given(st.integers(2, 40), st.integers(1, 60), seeds)
def test_so_have_its_calibrated_probabilities(n_classes: int, count: int, seed: int) -> None:
    logs = np.random.default_rng(seed).normal(size=(n_classes, count)).astype(np.float32).T
    together = calibrate(logs, 1.7)
    alone = np.concatenate([calibrate(logs[at : at + 1], 1.7) for at in range(count)])
    assert together.tobytes() == alone.tobytes()


@given(st.integers(1, 40), st.integers(1, 60), seeds)
def test_so_has_its_distance_to_the_class_means(width: int, count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    factor = generator.normal(size=(width, width))
    detector = NoveltyDetector.from_card(
        Mahalanobis(
            class_means=generator.normal(size=(3, width)).tolist(),
            precision=(factor @ factor.T).tolist(),
            percentiles=[0.0] * 101,
        )
    )
    rows = generator.normal(size=(count, width)).astype(np.float32)
    together = detector.distances(rows)
    alone = np.concatenate([detector.distances(rows[at : at + 1]) for at in range(count)])
    assert together.tobytes() == alone.tobytes()


@given(st.integers(1, 90), st.integers(1, 40), st.sampled_from([1, 2, FEW_ROWS + 1]), seeds)
def test_the_product_is_the_matrix_product(n_in: int, n_out: int, count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    weights, columns = generator.normal(size=(n_out, n_in)), generator.normal(size=(n_in, count))
    found = compile_product(weights)(columns)
    np.testing.assert_allclose(found, weights @ columns, rtol=1e-12, atol=1e-12)


def test_both_kinds_of_product_are_tried_here() -> None:
    assert 20 * 20 < FEW_WEIGHTS < 33 * 17


def test_single_numbers_are_summed_in_the_order_of_the_others() -> None:
    terms = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    alone = sum_in_order(np.ascontiguousarray(terms[:, :1]))
    assert alone.tobytes() == sum_in_order(terms)[:1].tobytes()


@pytest.mark.parametrize("count", [1, 3, MANY_ROWS + 5])
@pytest.mark.parametrize("n_classes", [2, 3, FEW_CLASSES + 1])
def test_of_equal_probabilities_the_lower_index_wins(n_classes: int, count: int) -> None:
    logs = -np.random.default_rng(0).integers(0, 3, (count, n_classes)).astype(np.float32)
    wanted = [min(range(n_classes), key=lambda index: (-row[index], index)) for row in logs]
    assert most_probable(logs).tolist() == wanted
    assert most_probable(np.asfortranarray(logs)).tolist() == wanted
