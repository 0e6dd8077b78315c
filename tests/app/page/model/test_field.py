"""What is said of the text of an input."""

from typing import Any

import pytest
from playwright.sync_api import Page

SCRIPT = """async ([input, text]) => {
    const { readField } = await import("/page/model/field.js");
    try { return readField(input, text); } catch (error) { return error.message; }
}"""
MASK = {"name": "mask", "dtype": "bool", "shape": [-1, -1]}
FLAG = {"name": "flag", "dtype": "bool", "shape": [-1]}
COUNT = {"name": "count", "dtype": "int64", "shape": [-1, 2]}


@pytest.mark.parametrize(
    ("given", "text", "said"),
    [
        (MASK, "true, false", "[true, false]"),
        (MASK, "yes", "mask: no list of booleans as JSON; it takes a list of booleans (bool)"),
        (MASK, '["yes"]', 'mask[0]: "yes" is no boolean'),
        (FLAG, "yes", "flag: no boolean; it takes one bool"),
        (COUNT, "a b", "count: no list of whole numbers as JSON; it takes int64 of shape 2"),
    ],
)
def test_a_wrong_text_is_told_by_the_kind_of_its_input(
    modules: Page, given: dict[str, Any], text: str, said: str
) -> None:
    assert modules.evaluate(SCRIPT, [given, text]).startswith(said)
