"""The Open Inference Protocol for models with any signature, against plain torch."""

import json
import struct
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from app.grpc import open_inference_pb2 as pb
from app.grpc.infer_response import answer as proto_answer
from app.grpc.proto_tensors import describe_inputs, read_inputs
from app.predict.codecs.tensors.value_rule import dtype_of
from app.predict.codecs.v2_any_module import TensorV2
from app.predict.codecs.v2_model import WantedOutput
from app.predict.tensors.prediction import TensorPass, TensorPrediction
from stateserve.model import TensorModel
from tests import signature_models
from tests.pictures import saved
from tests.tensor_models import open_models

NAMES = {"bool": "BOOL", "bfloat16": "BF16", "float16": "FP16", "float32": "FP32"}
DTYPES = [*NAMES, "float64", "uint8", "int8", "int16", "int32", "int64"]


def name_of(dtype: str) -> str:
    return NAMES.get(dtype) or dtype.upper().replace("FLOAT", "FP")


async def infer(
    model: TensorModel, head: Any, *raw: bytes, path: str = "/v2/models/made/infer"
) -> httpx.Response:
    text = json.dumps(head).encode()
    headers = {"inference-header-content-length": str(len(text))} if raw else {}
    async with open_models(model) as client:
        return await client.post(path, content=text + b"".join(raw), headers=headers)


def tensor(name: str, datatype: str, shape: list[int], data: Any = None, size: int = 0) -> Any:
    about = {"name": name, "datatype": datatype, "shape": shape}
    return about | ({"parameters": {"binary_data_size": size}} if data is None else {"data": data})


def raw_outputs(answer: httpx.Response) -> dict[str, tuple[str, list[int], bytes]]:
    assert answer.status_code == 200, answer.text
    length = int(answer.headers["inference-header-content-length"])
    head, rest, found = json.loads(answer.content[:length]), answer.content[length:], {}
    for output in head["outputs"]:
        size = output["parameters"]["binary_data_size"]
        found[output["name"]] = output["datatype"], output["shape"], rest[:size]
        rest = rest[size:]
    return found


@pytest.mark.parametrize("dtype", DTYPES)
async def test_each_datatype_goes_as_bytes_and_as_json(dtype: str) -> None:
    model, datatype = signature_models.same(dtype, [-1, 3]), name_of(dtype)
    values = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype_of(dtype))
    data = values.tobytes()
    head: Any = {"inputs": [tensor("x", datatype, [2, 3], size=len(data))]}
    found = raw_outputs(
        await infer(model, head | {"parameters": {"binary_data_output": True}}, data)
    )
    assert found == {"output": (datatype, [2, 3], data)}
    answer = await infer(model, {"inputs": [tensor("x", datatype, [2, 3], values.tolist())]})
    assert answer.json()["outputs"] == [tensor("output", datatype, [2, 3], values.ravel().tolist())]


async def test_inputs_and_outputs_go_by_name() -> None:
    model = signature_models.two_inputs()
    right, left = tensor("right", "FP32", [2], [2, 3]), tensor("left", "FP64", [2, 3], [0.1] * 6)
    head = {"inputs": [right, left], "outputs": [{"name": "product"}, {"name": "total"}]}
    answer = await infer(model, head)
    wanted = {"product": [0.6, 0.9], "total": [2.1] * 3 + [3.1] * 3}
    for output in answer.json()["outputs"]:
        assert output["data"] == pytest.approx(wanted.pop(output["name"]))
    assert wanted == {}


async def test_the_metadata_is_the_signature() -> None:
    async with open_models(signature_models.two_inputs()) as client:
        metadata = (await client.get("/v2/models/made")).json()
        config = (await client.get("/v2/models/made/config")).json()
    assert metadata["inputs"] == [
        {"name": "left", "datatype": "FP32", "shape": [-1, 3]},
        {"name": "right", "datatype": "FP32", "shape": [-1]},
    ]
    assert [each["name"] for each in metadata["outputs"]] == ["total", "product"]
    assert config["input"][0] == {"name": "left", "data_type": "TYPE_FP32", "dims": [3]}


async def test_classification_names_the_classes_of_the_output() -> None:
    outputs = [{"name": "label", "parameters": {"classification": 2}}]
    inputs = [tensor("x", "FP32", [1, 3], [1, 3, 2])]
    answer = await infer(signature_models.two_heads(), {"inputs": inputs, "outputs": outputs})
    assert [text.split(":")[1:] for text in answer.json()["outputs"][0]["data"]] == [
        ["1", "dog"],
        ["2", "emu"],
    ]
    outputs[0]["name"] = "embedding"
    answer = await infer(signature_models.two_heads(), {"inputs": inputs, "outputs": outputs})
    assert answer.status_code == 400
    assert answer.json() == {"error": "tensor 'embedding': classification is of label"}


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ([], "the inputs are 'left', 'right'; given: none"),
        ([tensor("left", "FP32", [1, 3], [1, 2, 3])], "'left', 'right'; given: 'left'"),
        ([tensor("left", "FP32", [1, 3], [1] * 3)] * 2, "given: 'left', 'left'"),
        (
            [tensor("left", "FP32", [1, 3], [1] * 3), tensor("right", "FP32", [2], [1, 2])],
            "tensor 'right': 2 rows, another input has 1",
        ),
        (
            [tensor("left", "FP32", [1, 2], [1] * 2), tensor("right", "FP32", [1], [1])],
            "tensor 'left': shape [1, 2]; [-1, 3] is taken",
        ),
        (
            [tensor("left", "FP99", [1, 3], [1] * 3), tensor("right", "FP32", [1], [1])],
            "tensor 'left': datatype 'FP99'; FP32 is taken",
        ),
        (
            [tensor("left", "BYTES", [1, 3], ["a"] * 3), tensor("right", "FP32", [1], [1])],
            "tensor 'left': datatype 'BYTES'; FP32 is taken",
        ),
        (
            [tensor("left", "BOOL", [1, 3], [True] * 3), tensor("right", "FP32", [1], [1])],
            "/left: bool values; float32 of shape [3] is taken",
        ),
        (
            [tensor("left", "FP64", [1, 3], [1, 1e39, 3]), tensor("right", "FP32", [1], [1])],
            "/left/0/1: 1e+39 where a finite number belongs",
        ),
        (
            [tensor("left", "FP32", [1, 3], [1, "2", 3]), tensor("right", "FP32", [1], [1])],
            "tensor 'left': data[1]: a string where a number belongs",
        ),
    ],
)
async def test_errors_name_the_tensor(inputs: Any, error: str) -> None:
    answer = await infer(signature_models.two_inputs(), {"inputs": inputs})
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert error in answer.json()["error"]


async def test_a_raw_body_is_one_row_whose_length_tells_one_axis() -> None:
    header = {"inference-header-content-length": "0"}
    ids = np.array([3, 4, 5])
    model = signature_models.tokens()
    async with open_models(model) as client:
        path = "/v2/models/made/infer"
        answer = await client.post(path, content=ids.tobytes(), headers=header)
        uneven = await client.post(path, content=b"123456789", headers=header)
        empty = await client.post(path, content=b"1234567", headers=header)
    with torch.inference_mode():
        wanted = model.module(torch.from_numpy(ids)[None]).numpy()
    assert raw_outputs(answer) == {"output": ("FP32", [1, 3], wanted.tobytes())}
    assert (uneven.status_code, empty.status_code) == (400, 400)
    async with open_models(signature_models.two_inputs()) as client:
        several = await client.post("/v2/models/made/infer", content=b"1234", headers=header)
    assert several.json() == {
        "error": "a raw body is of a model with one input; the inputs are left, right"
    }


async def test_axes_of_any_length_are_not_empty() -> None:
    answer = await infer(
        signature_models.tokens(), {"inputs": [tensor("ids", "INT64", [1, 0], [])]}
    )
    assert answer.status_code == 400
    assert "/ids: an array of shape [1, 0]" in answer.json()["error"]


@pytest.mark.parametrize("shape", [[2], [2, 1]])
async def test_pictures_are_sent_as_bytes(shape: list[int]) -> None:
    model = signature_models.pictures()
    pixels = [np.random.default_rng(seed).integers(0, 256, (4, 4), np.uint8) for seed in (0, 1)]
    files = [saved(Image.fromarray(each)) for each in pixels]
    data = b"".join(struct.pack("<I", len(file)) + file for file in files)
    head = {
        "inputs": [tensor("image", "BYTES", shape, size=len(data))],
        "parameters": {"binary_data_output": True},
    }
    found = raw_outputs(await infer(model, head, data))["output"]
    with torch.inference_mode():
        batch = torch.tensor(np.stack(pixels)[:, None] / np.float32(255))
        wanted = model.module(batch).numpy()
    np.testing.assert_allclose(np.frombuffer(found[2], "f4").reshape(2, 5), wanted, rtol=1e-4)
    broken = await infer(model, {"inputs": [tensor("image", "BYTES", [1], ["text"])]})
    assert broken.status_code == 400
    assert broken.json()["error"].startswith("/image/0: ")
    wrong = await infer(model, {"inputs": [tensor("image", "BYTES", [1, 2], ["a", "b"])]})
    assert wrong.json()["error"] == ("tensor 'image': shape [1, 2]; pictures as BYTES have [rows]")


@pytest.mark.parametrize("dtype", DTYPES)
def test_grpc_answers_datatypes_without_a_field_raw(dtype: str) -> None:
    model = signature_models.same(dtype, [-1, 2])
    v2_model, datatype = TensorV2(model, 10), name_of(dtype)
    values = np.array([[1, 0]]).astype(dtype_of(dtype))
    given = pb.ModelInferRequest.InferInputTensor(name="x", datatype=datatype, shape=[1, 2])
    request = pb.ModelInferRequest(inputs=[given], raw_input_contents=[values.tobytes()])
    v2_model.require_inputs(describe_inputs(request))
    rows = v2_model.instances(read_inputs(request)).rows
    arrays = {name: array.copy() for name, array in rows.arrays.items()}
    prediction = TensorPrediction(TensorPass(arrays, model.run(arrays), None), 0, 1)
    outputs = v2_model.tensors([prediction], [WantedOutput("output")])
    for message in (request, pb.ModelInferRequest(inputs=[given])):
        content = pb.ModelInferResponse.FromString(proto_answer(message, v2_model, outputs))
        raw = bool(message.raw_input_contents) or datatype in ("FP16", "BF16")
        assert list(content.raw_output_contents) == ([values.tobytes()] if raw else [])
        assert content.outputs[0].datatype == datatype
