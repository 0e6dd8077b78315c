"""The sentence on what a model does."""

from typing import Any

import pytest
from playwright.sync_api import Page

SCRIPT = 'async (model) => (await import("/page/model/purpose.js")).purposeOf(model)'
TABLE = {"features": [{"name": "age"}, {"name": "bmi"}]}
INTERVAL = {"name": "interval", "kind": "values", "shape": [-1, 2]}
PRICE = {"name": "value", "kind": "values", "shape": [-1], "unit": "EUR"}
STATE = {"name": "state", "kind": "logits", "shape": [-1, 2], "classes": ["on", "off"]}
PICTURE = {"name": "photo", "shape": [-1, 3, 32, 32], "image": {}}
TEXT = {"name": "text", "dtype": "int64", "shape": [-1, -1], "tokens": {}}
MASK = {"name": "mask", "dtype": "bool", "shape": [-1, -1], "tokens": {"pad": 0}}


def numbers(name: str, *sides: int) -> dict[str, Any]:
    return {"name": name, "kind": "tensor", "shape": [-1, *sides]}


@pytest.mark.parametrize(
    ("card", "inputs", "outputs", "wanted"),
    [
        (
            {},
            [numbers("item")],
            [numbers("output_0", 3), numbers("output_1"), numbers("n" * 30, 3)],
            f"Computes output_0 (3), output_1 (one number) and {'n' * 19}… (3) "
            "from item (one number).",
        ),
        (
            TABLE | {"target": "price", "output": PRICE},
            [numbers("x", 2)],
            [PRICE, INTERVAL],
            "Predicts price (a number in EUR, with its interval) from 2 features: age and bmi.",
        ),
        (
            {"classes": ["on", "off"], "output": STATE},
            [PICTURE, TEXT, MASK, numbers("x", 4)],
            [numbers("weight"), STATE, STATE | {"name": "lamp"}],
            "Predicts state (on or off), weight (one number) and lamp (one of 2 classes) "
            "from photo (a picture), text (a list of token ids), "
            "mask (a list of booleans, any length) and x (4).",
        ),
        (
            {"classes": ["on", "off"], "output": STATE},
            [PICTURE],
            [STATE],
            "Predicts the class (on or off) from a picture.",
        ),
        (
            {},
            [numbers(f"i{place}") for place in range(7)],
            [numbers(f"o{place}", 2, 3) for place in range(5)],
            "Computes o0 (2 × 3), o1 (2 × 3), o2 (2 × 3), o3 (2 × 3) and o4 (2 × 3) "
            "from i0 (one number), i1 (one number), i2 (one number), i3 (one number) "
            "and 3 more inputs.",
        ),
    ],
    ids=["tensors", "value", "classes", "picture", "many"],
)
def test_every_input_and_output_is_named_or_counted(
    modules: Page,
    card: dict[str, Any],
    inputs: list[dict[str, Any]],
    outputs: list[dict[str, Any]],
    wanted: str,
) -> None:
    known = {"classes": [], "features": [], "target": None, "output": None} | card
    model = {"card": known, "signature": {"inputs": inputs, "outputs": outputs}}
    assert modules.evaluate(SCRIPT, model) == wanted
