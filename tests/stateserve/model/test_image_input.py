"""The image of an input: what cannot become its tensor is refused with the card."""

import pytest
from pydantic import ValidationError

from stateserve.model import ImageInput, Input

RGB = {"mode": "RGB", "crop": [4, 5]}


@pytest.mark.parametrize(
    ("image", "shape"),
    [
        (RGB, [-1, 3, 4, 5]),
        (RGB, [-1, 3, -1, 5]),
        (RGB | {"layout": "HWC"}, [-1, 4, 5, 3]),
        ({"mode": "RGB", "resize": [4, 5]}, [-1, 3, 4, 5]),
        ({"mode": "RGB", "resize": [9, 9], "crop": [4, 5]}, [-1, 3, 4, 5]),
        # Whether they fit depends on the picture.
        ({"mode": "RGB", "resize": 4}, [-1, 3, 4, 5]),
        ({"mode": "L", "layout": "HW"}, [-1, 4, 5]),
    ],
)
def test_an_image_that_fits_its_tensor(image: dict[str, object], shape: list[int]) -> None:
    found = Input(name="x", dtype="float32", shape=shape, image=ImageInput(**image))
    assert Input.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("image", "shape", "reason"),
    [
        (RGB, [-1, 1, 4, 5], r"the image gives \[3, 4, 5\], not \[1, 4, 5\]"),
        (RGB, [-1, 3, 5, 4], r"the image gives \[3, 4, 5\], not \[3, 5, 4\]"),
        (RGB, [-1, 4, 5, 3], r"the image gives \[3, 4, 5\], not \[4, 5, 3\]"),
        ({"mode": "RGB", "resize": [4, 5]}, [-1, 3, 4, 6], "the image gives"),
        ({"mode": "L"}, [-1, 4, 5], "layout CHW has 3 axes"),
        ({"mode": "RGB", "layout": "HW"}, [-1, 4, 5], "layout HW has one channel"),
        ({"mode": "RGB", "mean": [0.5]}, [-1, 3, 4, 5], "mean has 1 values; RGB has 3"),
    ],
)
def test_an_image_that_does_not_is_refused(
    image: dict[str, object], shape: list[int], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        Input.model_validate({"name": "x", "dtype": "float32", "shape": shape, "image": image})


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_a_mean_needs_a_float(dtype: str) -> None:
    image = {"mode": "L", "layout": "HW", "mean": [0.5], "std": [0.5]}
    data = {"name": "x", "shape": [-1, 4, 5], "image": image}
    assert Input.model_validate(data | {"dtype": "float16"}).image
    with pytest.raises(ValidationError, match="float"):
        Input.model_validate(data | {"dtype": dtype})
