"""The expected duration of a pass, against straight lines."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.predict.tensors.pass_cost import PassCost

seconds = st.floats(1e-5, 1.0)


def test_nothing_is_expected_to_be_fast_before_it_is_measured() -> None:
    cost = PassCost()
    assert cost.expected(1) == math.inf
    assert cost.size_within(1.0) == 0


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=50, unique=True), seconds, seconds)
def test_a_straight_line_is_found(sizes: list[int], fixed: float, each: float) -> None:
    cost = PassCost()
    for size in sizes:
        cost.learn(size, fixed + each * size)
    middle = (min(sizes) + max(sizes)) // 2
    assert cost.expected(middle) == pytest.approx(fixed + each * middle, rel=0.05)


@given(st.lists(st.tuples(st.integers(1, 10**6), seconds), min_size=1, max_size=50))
def test_size_and_time_are_inverse_and_grow(passes: list[tuple[int, float]]) -> None:
    cost = PassCost()
    for size, took in passes:
        cost.learn(size, took)
    expected = [cost.expected(size) for size in (0, 1, 1000, 10**6, 10**9)]
    assert expected == sorted(expected)
    bound = 2 * cost.expected(2 * 10**6)
    assert cost.expected(int(cost.size_within(bound))) == pytest.approx(bound, rel=0.01)


def test_after_passes_of_one_size_a_pass_of_twice_the_size_is_tried() -> None:
    cost = PassCost()
    for _ in range(10):
        cost.learn(100, 0.3)
    assert cost.size_within(0.05) == 200
    cost.learn(200, 0.6)
    assert cost.size_within(0.05) < 100


def test_one_slow_pass_is_forgotten() -> None:
    cost = PassCost()
    for took in [0.001] * 10 + [1.0] + [0.001] * 60:
        cost.learn(100, took)
    assert cost.expected(100) < 0.0011
