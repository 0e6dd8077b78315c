"""Long lists of numbers, read in steps, against Python's JSON parser."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.predict.codecs.tensors.number_list import STEP_BYTES, read_number_list


@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_of_several_steps_is_that_of_the_parser(indent: int | None) -> None:
    values = np.random.default_rng(0).random((7, 3, 25, 30)).tolist()
    text = json.dumps(values, indent=indent).encode()
    assert len(text) > 4 * STEP_BYTES
    found = read_number_list(text, float)
    assert found is not None
    assert found.tolist() == values


@given(st.text("[],1 \n", max_size=20), st.sampled_from([int, float, bool]))
def test_any_other_text_is_none(text: str, kind: type) -> None:
    try:
        array = np.array(json.loads(text))
        whole = array.ndim > 0 and array.size > 0 and kind is not bool
    except ValueError:
        whole = False
    found = read_number_list(text.encode(), kind)
    assert (found is not None) == whole
    if found is not None:
        assert found.tolist() == array.tolist()


@pytest.mark.parametrize(
    ("text", "kind"),
    [(b"[1.0]", int), (b"[1]", bool), (b"[9223372036854775808]", int), (b"[1e999]", float)],
)
def test_a_value_of_another_kind_is_none(text: bytes, kind: type) -> None:
    assert read_number_list(text, kind) is None
