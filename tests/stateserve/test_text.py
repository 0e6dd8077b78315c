"""Texts of messages."""

import pytest

from stateserve.text import first_line, nearest

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


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "Failed at \x1b[96mstep 1/3\x1b[0m of the export.\nMore",
            "Failed at step 1/3 of the export.",
        ),
        ("\x1b[1;31mred\x1b[m", "red"),
        ("\x1b[2J\x1b[?25lcleared", "cleared"),
        ("of another kind: \x1b]0;title\x07", r"of another kind: \x1b]0;title\x07"),
        ("\x1b[0m", ""),
    ],
)
def test_the_first_line_of_an_error_has_no_colours(text: str, line: str) -> None:
    assert first_line(ValueError(text)) == f"ValueError: {line}"
