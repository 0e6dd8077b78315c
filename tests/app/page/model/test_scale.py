"""The ranges of the sliders."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Page


@given(
    minimum=st.floats(-1e6, 1e6, allow_subnormal=False),
    span=st.floats(1e-3, 1e6) | st.just(0.0),
)
def test_a_slider_covers_the_training_range_in_round_steps(
    modules: Page, minimum: float, span: float
) -> None:
    feature = {"minimum": minimum, "maximum": minimum + span}
    script = 'async (feature) => (await import("/page/model/scale.js")).sliderRange(feature)'
    found = modules.evaluate(script, feature)
    low, high, step = found["low"], found["high"], found["step"]
    assert low <= feature["minimum"] <= feature["maximum"] <= high
    assert low < high
    assert np.log10(step) == pytest.approx(round(np.log10(step)))
    assert (high - low) / step > 17
