"""Faults of what people write: each says where, what was found, and what is accepted."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateserve.errors import CardMismatch
from stateserve.model import ImageInput, hints_of

FIELDS = "the fields are mode, resize, interpolation, crop, scale, mean, std, layout"
IMAGES: dict[str, str] = {
    '{"mode": "L", "rezise": 28}': f"no field 'rezise'; {FIELDS}; did you mean 'resize'?",
    '{"rezise": [28, 28]}': f"no field 'rezise'; {FIELDS}; did you mean 'resize'?",
    '{"resize": 28}': "mode: missing",
    "{}": "mode: missing",
    '{"mode": "rgb"}': "mode: 'rgb'; accepted is 'L', 'RGB' or 'RGBA'",
    '{"mode": null}': "mode: null; accepted is 'L', 'RGB' or 'RGBA'",
    '{"mode": "L", "resize": "28"}': "resize: '28'; accepted is a whole number or a list",
    '{"mode": "L", "crop": 28}': "crop: 28; accepted is a list",
    '{"mode": "L", "crop": [28]}': "crop: a list of length 1; accepted is a length of at least 2",
    '{"mode": "L", "crop": [28, 1.5]}': "crop.1: 1.5; accepted is a whole number",
    '{"mode": "L", "scale": 0}': "scale: 0; accepted is a number of at least 1e-09",
    '{"mode": "L", "scale": {}}': "scale: an object; accepted is a number",
    '{"mode": "L", "mean": [true]}': "mean.0: true; accepted is a number",
    '{"x": {"mode": "L", "rezise": 28}}': f" of x: no field 'rezise'; {FIELDS}; did you",
}
TOKENS = {
    '{"pad": "zero"}': "pad: 'zero'; accepted is a whole number",
    '{"pad": -1}': "pad: -1; accepted is a number of at least 0",
    '{"padding": 0}': "no field 'padding'; the fields are vocabulary, pad; did you mean 'pad'?",
}


@pytest.mark.parametrize(
    ("option", "text", "reason"),
    [
        *(("image", text, reason) for text, reason in IMAGES.items()),
        *(("tokens", text, reason) for text, reason in TOKENS.items()),
    ],
)
def test_a_fault_says_what_is_accepted(option: str, text: str, reason: str) -> None:
    with pytest.raises(CardMismatch) as caught:
        hints_of(**{option: json.loads(text)})
    between = "" if reason.startswith(" of") else ": "
    assert str(caught.value).startswith(f"{option}{between}{reason}")


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ANYTHING = VALUES | st.lists(VALUES) | st.dictionaries(st.text(), VALUES)


@given(
    st.dictionaries(st.sampled_from([*ImageInput.model_fields, "other"]), ANYTHING)
    | st.just({"mode": "L", "resize": 10**5000})
)
def test_any_fault_is_one_line_without_the_names_of_python(content: dict[str, object]) -> None:
    try:
        hints_of(image=content)  # type: ignore[arg-type]
    except CardMismatch as error:
        text = str(error)
        assert text.startswith("image")
        assert "Input should" not in text
        assert "\n" not in text
