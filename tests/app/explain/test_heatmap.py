"""Heatmaps: the pixels of the PNG, by plain arithmetic."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from app.explain import draw_heatmap

RED, BLUE = np.array([200, 30, 45]), np.array([30, 90, 200])


def drawn(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        return np.array(picture).astype(int)


def test_the_colour_is_that_of_the_sign_and_as_strong_as_the_magnitude() -> None:
    values = np.array([[4, 2, 0], [-4, -2, -1]], np.float32)
    expected = [
        [BLUE, (255 + BLUE) / 2, [255] * 3],
        [RED, (255 + RED) / 2, 255 * 0.75 + RED * 0.25],
    ]
    assert np.abs(drawn(draw_heatmap(values, "HW")) - expected).max() <= 0.5


def test_channels_are_added_up_whatever_their_axis() -> None:
    values = np.random.default_rng(0).normal(size=(3, 4, 5))
    plain = draw_heatmap(values.sum(axis=0), "HW")
    assert (drawn(draw_heatmap(values, "CHW")) == drawn(plain)).all()
    assert (drawn(draw_heatmap(np.moveaxis(values, 0, -1), "HWC")) == drawn(plain)).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_it_lies_over_the_grey_picture(channels: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (1, 4, channels), dtype=np.uint8)
    luma = [0.299, 0.587, 0.114] if channels > 1 else [1]
    grey = (pixels[..., : len(luma)] * luma).sum(axis=-1)[..., None]
    found = drawn(draw_heatmap(np.array([[0, 1, 0.5, -1]]), "HW", pixels))
    opacity = np.array([0, 1, 0.5, 1])[None, :, None]
    expected = grey * (1 - opacity) + opacity * np.where(opacity, [BLUE, BLUE, BLUE, RED], 0)
    assert np.abs(found - expected).max() <= 0.5


def test_one_very_large_attribution_does_not_hide_the_others() -> None:
    values = np.full((20, 20), 1.0)
    values[3, 4] = 1e30
    assert (drawn(draw_heatmap(values, "HW")) == BLUE).all()
    # Where almost all are 0, the largest is the measure.
    values = np.zeros((20, 20))
    values[3, 4] = 1e-300
    found = drawn(draw_heatmap(values, "HW"))
    assert (found[3, 4] == BLUE).all()
    assert (found == 255).all(axis=-1).sum() == 399


@given(
    arrays.arrays(
        st.sampled_from([np.float16, np.float32, np.float64]),
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=5),
    )
)
def test_any_attributions_are_drawn_the_same_each_time(values: np.ndarray) -> None:
    content = draw_heatmap(values, "HW")
    assert content == draw_heatmap(values.copy(), "HW")
    found = drawn(content)
    assert found.shape == (*values.shape, 3)
    assert (found[~np.isfinite(values)] == 255).all()
    assert drawn(draw_heatmap(np.stack([values] * 3), "CHW")).shape == found.shape
