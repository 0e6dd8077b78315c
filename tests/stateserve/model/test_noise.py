"""Pictures told from noise, for each layout."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from stateserve.model.image_input import ImageInput
from stateserve.model.noise import is_noise
from stateserve.model.signature import Input


def given(image: ImageInput | None) -> Input:
    return Input(name="x", dtype="float32", shape=[-1, 8, 8], image=image)


def test_each_handwritten_digit_is_a_picture() -> None:
    grey = given(ImageInput(mode="L", layout="HW"))
    digits = load_digits().images
    assert not any(is_noise(digits[index : index + 1], grey) for index in range(0, 1797, 20))


@pytest.mark.parametrize("layout", ["CHW", "HWC"])
def test_noise_and_one_colour_are_no_pictures(layout: str) -> None:
    image = ImageInput.model_validate({"mode": "RGB", "layout": layout})
    spec = Input(name="x", dtype="float32", shape=[-1, *image.row_shape], image=image)
    shape = (3, 3, 16, 12) if layout == "CHW" else (3, 16, 12, 3)
    noise = np.random.default_rng(0).normal(size=shape)
    # Means of the channels are no picture either.
    channels = np.array([5.0, 0.0, -5.0]).reshape((3, 1, 1) if layout == "CHW" else (1, 1, 3))
    height = 2 if layout == "CHW" else 1
    for rows, expected in (
        (noise, True),
        (noise + channels, True),
        (np.ones(shape), True),
        (noise.cumsum(height), False),
    ):
        assert is_noise(rows, spec) is expected
        assert not is_noise(rows, given(None))


def test_a_picture_of_few_pixels_is_not_called_noise() -> None:
    grey = given(ImageInput(mode="L", layout="HW"))
    assert not is_noise(np.random.default_rng(0).random((3, 2, 9)), grey)
    assert is_noise(np.ones((3, 2, 9)), grey)
