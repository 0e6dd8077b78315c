"""Texts of messages."""

import pytest

from stateserve.text import nearest

NAMES = [f"model.layers.{place}.attention.weight" for place in range(10_000)]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("model.layers.7123.attention.weihgt", NAMES[7123]),
        ("model.layers.42.atention.weight", NAMES[42]),
        (f"{NAMES[99]}{'s' * 10_000}", NAMES[99]),
    ],
)
def test_the_nearest_of_many_names_is_found(wrong: str, right: str) -> None:
    assert nearest(wrong, NAMES) == right
