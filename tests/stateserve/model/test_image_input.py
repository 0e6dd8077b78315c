"""The image of an input: what cannot become its tensor is refused with the card."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.predict.pictures.normalization import to_values
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


EXTREMES = [0, -1, 1e-320, 1e-10, 1e10, 1e308, float("nan"), float("inf")]


@pytest.mark.parametrize("value", EXTREMES)
@pytest.mark.parametrize("field", ["scale", "mean", "std"])
def test_numbers_that_make_no_picture_are_refused(field: str, value: float) -> None:
    image = {"mode": "L", field: value if field == "scale" else [value]}
    if field == "mean" and abs(value) <= 1e9:
        assert ImageInput.model_validate(image)
        return
    with pytest.raises(ValidationError, match=r"0\.000000001|1000000000|finite number"):
        ImageInput.model_validate(image)


BOUNDS = st.sampled_from([1e-9, 1e-3, 1.0, 1e3, 1e9])


@given(BOUNDS, BOUNDS, BOUNDS, st.sampled_from([-1, 0, 1]))
def test_every_accepted_picture_is_finite(scale: float, mean: float, std: float, sign: int) -> None:
    pixels = np.array([[[0], [255]]], np.uint8)
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        image = {"mode": "L", "layout": "HW", "scale": scale, "mean": [sign * mean], "std": [std]}
        data = {"name": "x", "dtype": dtype, "shape": [-1, 1, 2], "image": image}
        try:
            spec = Input.model_validate(data)
        except ValidationError as error:
            assert dtype == "float16"
            assert "float16 has numbers up to 65504" in str(error)  # noqa: PT017
            continue
        values = (pixels * np.float64(scale) - sign * mean) / std
        found = to_values(pixels, spec).astype(np.float64)
        assert np.isfinite(found).all()
        assert found == pytest.approx(
            values[..., 0], rel=1e-2, abs=np.abs(values).max() * 1e-2 + 1e-7
        )


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_a_mean_needs_a_float(dtype: str) -> None:
    image = {"mode": "L", "layout": "HW", "mean": [0.5], "std": [0.5]}
    data = {"name": "x", "shape": [-1, 4, 5], "image": image}
    assert Input.model_validate(data | {"dtype": "float16"}).image
    with pytest.raises(ValidationError, match="float"):
        Input.model_validate(data | {"dtype": dtype})
