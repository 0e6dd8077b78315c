"""npy, npz and safetensors bodies, pictures and forms, against plain torch and NumPy."""

import asyncio
import io
import json
import pickle
import struct
import zipfile
from typing import Any

import httpx
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.errors import StateserveError
from app.predict.codecs.tensors.npz_format import TensorNpz
from app.predict.codecs.tensors.safetensors_format import TensorSafetensors
from stateserve.checkpoint.writers.stream import npy_header
from stateserve.model import TensorModel
from tests import signature_models
from tests.pictures import saved
from tests.tensor_models import open_models

NPY, NPZ = "application/x-npy", "application/x-npz"
SAFETENSORS = "application/vnd.safetensors"


async def post(
    model: TensorModel, content: bytes, media_type: str, accept: str = "*/*", query: str = ""
) -> httpx.Response:
    async with open_models(model) as client:
        headers = {"content-type": media_type, "accept": accept}
        return await client.post(f"/predict{query}", content=content, headers=headers)


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array), allow_pickle=True)
    return stream.getvalue()


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def run(model: TensorModel, *inputs: Any) -> Any:
    with torch.inference_mode():
        return model.module(*map(torch.as_tensor, inputs))


LEFT, RIGHT = np.array([[1, 2, 3], [4, 5, 6]], "f4"), np.array([0.5, -1], "f4")


@pytest.mark.parametrize("rows", [slice(None), 0])
@pytest.mark.parametrize("media_type", [NPZ, SAFETENSORS])
async def test_inputs_and_outputs_by_name(media_type: str, rows: Any) -> None:
    model = signature_models.two_inputs()
    arrays = {"right": np.array(RIGHT[rows]), "left": LEFT[rows].copy()}
    body = npz(**arrays) if media_type == NPZ else safetensors.numpy.save(arrays)
    answer = await post(model, body, media_type)
    assert answer.headers["content-type"] == media_type
    assert answer.headers["x-model-name"] == "made"
    assert "x-out-of-range-rows" not in answer.headers
    load = safetensors.numpy.load if media_type == SAFETENSORS else _npz
    found = load(answer.content)
    wanted = run(model, LEFT, RIGHT)
    assert found.keys() == wanted.keys()
    for name, array in found.items():
        np.testing.assert_array_equal(array, wanted[name].numpy()[rows], strict=True)


async def test_a_large_npz_is_inflated_and_written_in_portions() -> None:
    model = signature_models.two_inputs()
    random = np.random.default_rng(0)
    left, right = random.normal(size=(100_000, 3)), random.normal(size=100_000)
    arrays = {"left": left.astype("f4"), "right": right.astype("f4")}
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    answer = await post(model, stream.getvalue(), NPZ)
    found, wanted = _npz(answer.content), run(model, *arrays.values())
    for name, array in found.items():
        np.testing.assert_array_equal(array, wanted[name].numpy(), strict=True)


def _npz(content: bytes) -> dict[str, np.ndarray]:
    return dict(np.load(io.BytesIO(content), allow_pickle=False))


async def test_the_body_and_the_answer_may_have_different_formats() -> None:
    model = signature_models.tokens()
    ids = np.array([[1, 2], [3, 4]], ">i2")
    wanted = run(model, torch.tensor([[1, 2], [3, 4]])).numpy()
    answers = {
        accept: await post(model, npy(ids), NPY, accept)
        for accept in (NPY, NPZ, SAFETENSORS, "application/json", f"text/html, {NPZ};q=0.5")
    }
    np.testing.assert_array_equal(np.load(io.BytesIO(answers[NPY].content)), wanted)
    np.testing.assert_array_equal(_npz(answers[NPZ].content)["output"], wanted)
    assert answers[f"text/html, {NPZ};q=0.5"].content == answers[NPZ].content
    assert len(answers["application/json"].json()["predictions"]) == 2
    body = json.dumps({"instances": [[1, 2], [3], [3, 4]]}).encode()
    found = await post(model, body, "application/json", NPY)
    np.testing.assert_array_equal(np.load(io.BytesIO(found.content))[[0, 2]], wanted)
    assert (await post(model, npy(ids), NPY, "text/html")).status_code == 406


async def test_outputs_of_different_shapes_fit_into_json_alone() -> None:
    body = json.dumps({"instances": [[1.5], [2, 3]]}).encode()
    model = signature_models.same("float32", [-1, -1])
    assert (await post(model, body, "application/json", NPY)).status_code == 422
    found = (await post(model, body, "application/json")).json()["predictions"]
    assert [each["outputs"]["output"] for each in found] == [[1.5], [2, 3]]


async def test_several_arrays_do_not_fit_into_npy() -> None:
    model = signature_models.two_inputs()
    assert (await post(model, npy(LEFT), NPY)).status_code == 415
    assert (await post(model, npz(left=LEFT, right=RIGHT), NPZ, NPY)).status_code == 406
    heads = signature_models.two_heads()
    answer = await post(heads, npy(LEFT), NPY)
    assert answer.headers["content-type"] == "application/json"


async def test_bfloat16_goes_through_safetensors_and_comes_as_float32_in_npy() -> None:
    model = signature_models.same("bfloat16", [-1, 2])
    tensor = torch.tensor([[0.1, -3]], dtype=torch.bfloat16)
    answer = await post(model, safetensors.torch.save({"x": tensor}), SAFETENSORS)
    assert torch.equal(safetensors.torch.load(answer.content)["output"], tensor)
    found = await post(model, npy(tensor.float().numpy()), NPY)
    np.testing.assert_array_equal(
        np.load(io.BytesIO(found.content)), tensor.float().numpy(), strict=True
    )


@pytest.mark.parametrize(
    ("dtype", "sent", "accepted"),
    [
        ("float32", np.float64, True),
        ("float32", np.float16, True),
        ("float32", np.int64, True),
        ("float32", np.bool_, False),
        ("float16", np.float32, True),
        ("int64", np.uint8, True),
        ("int8", np.int64, True),
        ("int64", np.float32, False),
        ("uint8", np.int32, True),
        ("bool", np.bool_, True),
        ("bool", np.uint8, True),
        ("bool", np.int64, True),
        ("bool", np.float32, False),
        ("float32", np.complex64, False),
        ("float32", "U1", False),
        ("float32", object, False),
    ],
)
async def test_dtypes_convert_if_no_value_changes_its_kind(
    dtype: str, sent: Any, accepted: bool
) -> None:
    values = np.array([[1, 0]]).astype(sent)
    answer = await post(signature_models.same(dtype, [-1, 2]), npy(values), NPY)
    assert answer.status_code == (200 if accepted else 422)
    if accepted:
        found = np.load(io.BytesIO(answer.content))
        np.testing.assert_array_equal(found, values.astype(dtype), strict=True)


@pytest.mark.parametrize(
    ("dtype", "values", "pointer"),
    [
        ("float32", np.array([[1, np.nan]], "f4"), "/0/1"),
        ("float32", np.array([[1, 2], [1e39, 3]]), "/1/0"),
        ("float16", np.array([[1, 65520]]), "/0/1"),
        ("uint8", np.array([[256, 1]]), "/0/0"),
        ("int8", np.array([[1, 2**63]], "u8"), "/0/1"),
        ("float32", np.zeros((1, 3), "f4"), ""),
        ("float32", np.zeros((1, 2, 1), "f4"), ""),
        ("float32", np.zeros((0, 2), "f4"), ""),
        ("bool", np.array([[1, 2]], "u1").view(bool), "/0/1"),
        ("bool", np.array([[0, 2]], "u1"), "/0/1"),
        ("bool", np.array([[-1, 0]]), "/0/0"),
    ],
)
async def test_a_wrong_value_or_shape_is_named(
    dtype: str, values: np.ndarray, pointer: str
) -> None:
    answer = await post(signature_models.same(dtype, [-1, 2]), npy(values), NPY)
    assert answer.status_code == 422, answer.text
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("shape", [(0, 2), (0, 3), (0, 2**62)])
async def test_an_array_without_rows_is_named(shape: tuple[int, ...]) -> None:
    answer = await post(
        signature_models.same("float32", [-1, 2]), npy_header(np.dtype("<f4"), shape), NPY
    )
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("the body: no rows; at least one of float32")


async def test_nan_is_accepted_if_the_signature_says_so() -> None:
    model = signature_models.same("float32", [-1, 1], finite=False)
    answer = await post(model, npy(np.array([[np.nan], [np.inf]], "f4")), NPY, "application/json")
    found = answer.json()["predictions"]
    assert [each["outputs"]["output"] for each in found] == [[None], [None]]


def hostile_npz() -> dict[str, bytes]:
    valid = npz(left=LEFT, right=RIGHT)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("left.npy", "w") as file:
            for _ in range(17):
                file.write(bytes(2**24))
        archive.writestr("right.npy", npy(RIGHT))
    lying = bytearray(bomb.getvalue())
    # The size in the directory's first entry becomes 100.
    entry = lying.index(b"PK\x01\x02")
    lying[entry + 24 : entry + 28] = struct.pack("<I", 100)
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as archive:
        for name in ("left.npy", "right.npy", "lefu.npy"):
            archive.writestr(name, npy(LEFT))
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for index in range(2000):
            archive.writestr(f"entry-{index}", b"")
    methods = io.BytesIO()
    with zipfile.ZipFile(methods, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("left.npy", npy(LEFT))
        archive.writestr("right.npy", npy(RIGHT))
    return {
        "bomb": bomb.getvalue(),
        "lying": bytes(lying),
        "twice": twice.getvalue().replace(b"lefu.npy", b"left.npy"),
        "many": many.getvalue(),
        "methods": methods.getvalue(),
        "cut": valid[:-30],
        "empty": b"",
        "npy": npy(LEFT),
        "objects": npz(left=np.array([{}, "x"], object), right=RIGHT),
        "others": npz(left=LEFT, middle=RIGHT),
        "pickle": pickle.dumps({"left": LEFT}),
        "rows": npz(left=LEFT, right=RIGHT[:1]),
        "changed": valid.replace(LEFT.tobytes(), bytes(LEFT.nbytes), 1),
    }


def test_hostile_npz_are_refused() -> None:
    codec = TensorNpz(signature_models.two_inputs(), 1000)
    for body in hostile_npz().values():
        with pytest.raises(StateserveError):
            codec.decode(body)


@given(st.data())
def test_a_changed_body_is_refused_or_read(data: st.DataObject) -> None:
    model = signature_models.two_inputs()
    arrays = {"left": LEFT, "right": RIGHT}
    for codec, valid in (
        (TensorNpz(model, 1000), npz(**arrays)),
        (TensorSafetensors(model, 1000), safetensors.numpy.save(arrays)),
    ):
        body = bytearray(valid)
        for _ in range(data.draw(st.integers(1, 4))):
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
        try:
            codec.decode(bytes(body[: data.draw(st.integers(0, len(body)))]))
            codec.decode(body)
        except StateserveError:
            pass


async def test_safetensors_of_other_dtypes_and_names_are_refused() -> None:
    model = signature_models.two_inputs()
    narrow = {"left": torch.tensor(LEFT).to(torch.float8_e4m3fn), "right": torch.tensor(RIGHT)}
    assert (await post(model, safetensors.torch.save(narrow), SAFETENSORS)).status_code == 200
    for dtype, width, status in (("C64", 8, 422), ("F99", 1, 400)):
        fields = {"left": {"dtype": dtype, "shape": [1], "data_offsets": [0, width]}}
        fields["right"] = {"dtype": "F32", "shape": [1], "data_offsets": [width, width + 4]}
        header = json.dumps(fields).encode()
        body = struct.pack("<Q", len(header)) + header + bytes(width + 4)
        answer = await post(model, body, SAFETENSORS)
        assert answer.status_code == status, answer.text
    answer = await post(model, safetensors.numpy.save({"left": LEFT}), SAFETENSORS)
    assert answer.json()["errors"] == [
        {"pointer": "/right", "detail": "missing; float32 of shape [] is needed"}
    ]
    header = b'{"a":' + b" " * 2**16 + b"1}"
    body = struct.pack("<Q", len(header)) + header + b"1234"
    assert (await post(model, body, SAFETENSORS)).status_code == 413


PIXELS = [np.random.default_rng(seed).integers(0, 256, (4, 4), np.uint8) for seed in range(3)]
FILES = [saved(Image.fromarray(pixels)) for pixels in PIXELS]


def scores(model: TensorModel) -> np.ndarray:
    batch = torch.tensor(np.stack(PIXELS)[:, None] / np.float32(255))
    return torch.softmax(run(model, batch), 1).numpy()


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg"])
async def test_a_picture_is_a_body(media_type: str) -> None:
    model = signature_models.pictures()
    answer = await post(model, FILES[0], media_type)
    assert answer.headers["content-type"] == "application/json"
    found = list(answer.json()["probabilities"].values())
    assert found == pytest.approx(scores(model)[0].tolist(), rel=1e-5)
    array = np.load(io.BytesIO((await post(model, FILES[0], media_type, NPY)).content))
    assert array.shape == (5,)
    assert (await post(model, b"GIF89a", media_type)).status_code == 422
    assert (await post(model, FILES[0], media_type, media_type)).status_code == 406


@pytest.mark.parametrize("accept", [NPY, SAFETENSORS])
async def test_top_has_index_and_probability_of_the_most_probable_classes(accept: str) -> None:
    model = signature_models.pictures()
    answer = await post(model, FILES[0], "image/png", accept, "?top=2")
    found = (
        np.load(io.BytesIO(answer.content))
        if accept == NPY
        else next(iter(safetensors.numpy.load(answer.content).values()))
    )
    wanted = scores(model)[0]
    order = np.argsort(-wanted)[:2]
    assert found.dtype == np.float32
    assert found[:, 0].tolist() == order.tolist()
    assert found[:, 1] == pytest.approx(wanted[order], rel=1e-5)
    number = await post(signature_models.regression(), npy([[30.0, 2.0]]), NPY, accept, "?top=2")
    assert number.status_code == 501
    calibrated = await post(model, FILES[0], "image/png", accept, "?calibrated=true")
    assert calibrated.status_code == 422


@pytest.mark.parametrize(
    "media_type", ["", "application/x-www-form-urlencoded", "application/octet-stream"]
)
async def test_a_picture_needs_no_media_type(media_type: str) -> None:
    model = signature_models.pictures()
    wanted = (await post(model, FILES[0], "image/png")).content
    assert (await post(model, FILES[0], media_type)).content == wanted
    other = await post(model, b'{"instances": []}', media_type)
    assert (other.status_code, other.json()["detail"]) == (
        422,
        "/instances: empty; at least one instance is needed",
    )
    assert "a GIF; PNG and JPEG" in (await post(model, b"GIF89a", media_type)).json()["detail"]
    assert (await post(signature_models.tokens(), FILES[0], media_type)).status_code == 415


@pytest.mark.parametrize("media_type", ["", "application/octet-stream"])
async def test_arrays_need_no_media_type(media_type: str) -> None:
    left, both = signature_models.regression(), signature_models.two_inputs()
    tensors = {"left": LEFT, "right": RIGHT}
    named = safetensors.numpy.save(tensors)
    # The length of the header begins as JSON would.
    padded = named[8:].replace(b"}}", b"}}" + b" " * (-(named[0] - 0x7B) % 256), 1)
    long = struct.pack("<Q", struct.unpack("<Q", named[:8])[0] + len(padded) - len(named) + 8)
    assert (long + padded)[:1] == b"{"
    assert_same = [
        (left, npy([[30.0, 2.0]]), NPY),
        (both, npz(**tensors), NPZ),
        (both, named, SAFETENSORS),
        (both, long + padded, SAFETENSORS),
    ]
    for model, content, declared in assert_same:
        wanted = await post(model, content, declared, "application/json")
        answer = await post(model, content, media_type)
        assert (answer.status_code, answer.content) == (200, wanted.content)
    assert (await post(both, npy(LEFT), media_type)).status_code == 415


async def test_a_form_has_a_file_for_each_instance() -> None:
    model = signature_models.pictures()
    for count in (1, 3):
        files = [("file", (f"{index}.png", FILES[index])) for index in range(count)]
        async with open_models(model) as client:
            answer = await client.post("/predict", files=files)
        found = [list(each["probabilities"].values()) for each in answer.json()["predictions"]]
        np.testing.assert_allclose(found, scores(model)[:count], rtol=1e-5)
    async with open_models(model) as client:
        other = await client.post("/predict", files=[("image", FILES[0])], data={"top": "3"})
    assert [each["pointer"] for each in other.json()["errors"]] == ["/top/0"]


async def test_a_form_has_parts_for_each_input() -> None:
    model = signature_models.picture_and_number()
    async with open_models(model) as client:
        files = [("image", FILES[0]), ("image", FILES[1])]
        answer = await client.post("/predict", files=files, data={"factor": ["2", "3"]})
        found = [each["outputs"]["output"] for each in answer.json()["predictions"]]
        wanted = [factor * PIXELS[i].sum() / 255 for i, factor in enumerate((2, 3))]
        assert found == pytest.approx(wanted, rel=1e-5)
        fewer = await client.post("/predict", files=files, data={"factor": "2"})
        assert (
            fewer.json()["detail"]
            == "the body: parts 2 of image, 1 of factor; each input has as many"
        )
        for factor, pointer in (("x", "/factor/1"), ("null", "/factor/1")):
            bad = await client.post("/predict", files=files, data={"factor": ["2", factor]})
            assert [each["pointer"] for each in bad.json()["errors"]] == [pointer]
        bad = await client.post(
            "/predict", files=[("image", FILES[0]), ("image", b"GIF8")], data={"factor": ["1", "2"]}
        )
        assert [each["pointer"] for each in bad.json()["errors"]] == ["/image/1"]
        unknown = await client.post("/predict", files=[("file", FILES[0])])
        assert {each["pointer"] for each in unknown.json()["errors"]} == {
            "/file",
            "/image",
            "/factor",
        }
    assert (await post(model, FILES[0], "image/png")).status_code == 415


async def test_pictures_are_no_bodies_of_a_model_without_pictures() -> None:
    answer = await post(signature_models.tokens(), FILES[0], "image/png")
    assert answer.status_code == 415
    assert "image/png" not in answer.json()["detail"].partition("send")[2]


def test_arrays_of_ml_dtypes_are_finite_or_named() -> None:
    model = signature_models.same("bfloat16", [-1, 2])
    array = np.array([[1, np.nan]]).astype(ml_dtypes.bfloat16)
    with pytest.raises(StateserveError, match="/0/1: nan"):
        TensorSafetensors(model, 10).decode(
            safetensors.torch.save({"x": torch.tensor(array.astype("f4")).bfloat16()})
        )


async def test_a_small_file_of_many_pixels_is_decoded_in_a_thread() -> None:
    model = signature_models.pictures()
    large = saved(Image.new("L", (3000, 3000), 7))
    assert len(large) < 16 * 1024
    async with open_models(model) as client:
        headers = {"content-type": "image/png"}
        posted = asyncio.create_task(client.post("/predict", content=large, headers=headers))
        ticks = 0
        while not posted.done():
            await asyncio.sleep(0)
            ticks += 1
        answer = await posted
    assert answer.status_code == 200
    # On the event loop, nothing else would run while the picture is decoded.
    assert ticks > 100
