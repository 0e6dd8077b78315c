"""Numbers as texts, against NumPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Page


@given(
    value=st.floats(allow_nan=False) | st.floats(width=32, allow_nan=False),
    dtype=st.sampled_from(["float32", "bfloat16"]),
)
def test_a_number_has_the_shortest_digits_of_its_dtype(
    modules: Page, value: float, dtype: str
) -> None:
    script = (
        'async ([value, dtype]) => (await import("/page/draw/number_text.js")).digits(value, dtype)'
    )
    with np.errstate(over="ignore"):
        single = np.float32(value)
    normal = 2.0**-126 <= abs(value) <= float(np.finfo(np.float32).max)
    shown = modules.evaluate(script, [value, dtype]).replace("−", "-").replace("∞", "inf")
    # repr is the shortest text too: of float32 if it holds the number, else of float64.
    assert float(shown) == float(str(single if normal else value))
    shown = modules.evaluate(script, [value, "float64"]).replace("−", "-").replace("∞", "inf")
    assert float(shown) == value


@given(value=st.floats(-1e6, 1e6) | st.integers(-(10**9), 10**9), most=st.integers(1, 8))
def test_a_number_in_a_cell_is_exact_before_its_point(
    modules: Page, value: float, most: int
) -> None:
    script = (
        'async ([value, most]) => (await import("/page/draw/number_text.js")).fitting(value, most)'
    )
    shown = modules.evaluate(script, [value, most]).replace("−", "-")
    assert len(shown) <= most
    if shown:
        assert float(shown) == pytest.approx(value, rel=0 if value % 1 == 0 else 0.05, abs=0)
        assert abs(float(shown) - value) <= 0.5


def test_an_integer_that_javascript_has_rounded_says_so(modules: Page) -> None:
    script = """async () => {
        const { digits } = await import("/page/draw/number_text.js");
        return [digits(2 ** 53, "int64"), digits(2 ** 53 - 1, "int64"), digits(2 ** 53, "float64")];
    }"""
    texts = ["about 9007199254740992", "9007199254740991", "9007199254740992"]
    assert modules.evaluate(script) == texts


def test_a_certain_class_is_written_as_an_almost_certain_one(modules: Page) -> None:
    script = """async () => {
        const { probabilityText } = await import("/page/draw/number_text.js");
        return [1, 1 - 1e-6, 0.5, 1e-6, 0].map(probabilityText);
    }"""
    assert modules.evaluate(script) == ["> 99.9 %", "> 99.9 %", "50.0 %", "< 0.1 %", "< 0.1 %"]
