"""A body that the model does not take: the refusal says what it is, and what is taken."""

import httpx
import numpy as np
import pytest
from PIL import Image

from app.settings.settings import Settings
from stateserve.model import TensorModel
from tests import signature_models
from tests.pictures import saved
from tests.project import IRIS
from tests.service import open_client
from tests.tensor_models import open_models

pytestmark = pytest.mark.anyio
PNG, JPEG, GIF, BMP = (
    saved(Image.new("L", (4, 4)), kind) for kind in ("PNG", "JPEG", "GIF", "BMP")
)
NPY_START = b"\x93NUMPY\1\0"
CURL = "application/x-www-form-urlencoded"


async def refusal(model: TensorModel | None, body: bytes, media_type: str) -> str:
    """The text for the model, or for the iris model."""
    opened = open_models(model) if model else open_client(Settings(model=IRIS, hot_reload=False))
    async with opened as client:
        answer: httpx.Response = await client.post(
            "/predict", content=body, headers={"Content-Type": media_type}
        )
    assert answer.status_code == 415
    return str(answer.json()["detail"])


@pytest.mark.parametrize(
    ("body", "what"), [(PNG, "a PNG"), (JPEG, "a JPEG"), (GIF, "a GIF"), (BMP, "a BMP")]
)
@pytest.mark.parametrize("media_type", [CURL, "", "application/octet-stream"])
async def test_a_picture_for_a_model_without_pictures(
    body: bytes, what: str, media_type: str
) -> None:
    found = await refusal(None, body, media_type)
    assert found.startswith(
        f"the body is {what}; this model takes no pictures; send application/json or "
    )


async def test_a_named_picture_for_a_model_without_pictures() -> None:
    found = await refusal(signature_models.tokens(), PNG, "image/png")
    assert found.startswith("Content-Type 'image/png'; this model takes no pictures; send app")


async def test_a_picture_for_a_model_of_several_inputs() -> None:
    found = await refusal(signature_models.picture_and_number(), PNG, CURL)
    assert "takes a picture as a part of a form; send" in found
    assert found.endswith("or multipart/form-data")


async def test_another_kind_of_picture_is_named() -> None:
    found = await refusal(signature_models.pictures(), GIF, "image/gif")
    assert found.startswith("Content-Type 'image/gif'; of pictures, PNG and JPEG are taken; send")


async def test_one_array_for_a_model_of_several_inputs() -> None:
    found = await refusal(signature_models.two_inputs(), NPY_START + bytes(9), CURL)
    assert found.startswith("the body is an npy array; send application/json or application/x-npz")


@pytest.mark.parametrize(
    "body", [b"BMI,age\n20,30\n", b"%7B%22a%22%3A1%7D", np.float32(1).tobytes()]
)
async def test_a_body_of_unknown_kind_is_called_no_picture(body: bytes) -> None:
    found = await refusal(signature_models.regression(), body, CURL)
    assert found.startswith(f"Content-Type {CURL!r}; send application/json or")
    assert found.endswith("or text/csv (curl: -H 'Content-Type: application/json')")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("declared", [True, False])
async def test_a_picture_that_curl_has_changed(kind: str, declared: bool) -> None:
    body = saved(Image.effect_noise((20, 20), 50), kind).translate(None, b"\0\r\n")
    headers = {"Content-Type": f"image/{kind.lower()}" if declared else CURL}
    async with open_models(signature_models.pictures()) as client:
        answer = await client.post("/predict", content=body, headers=headers)
    assert answer.status_code == 422
    detail = f"a {kind} without the bytes that curl -d leaves out; curl --data-binary @FILE sends"
    assert detail in answer.json()["detail"]


async def test_an_array_that_curl_has_changed() -> None:
    found = await refusal(None, NPY_START.translate(None, b"\0") + bytes([1] * 99), CURL)
    assert found.startswith("the body is an npy array without the bytes that curl -d leaves out")


@pytest.mark.parametrize("media_type", [CURL, "application/octet-stream"])
async def test_a_checkpoint_is_called_one(media_type: str) -> None:
    found = await refusal(None, IRIS.read_bytes(), media_type)
    assert found.startswith("the body is a checkpoint, and a service starts with it: stateserve")
