"""The Open Inference Protocol under /v2, against plain torch."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.settings.settings import Settings
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.checkpoint import load_checkpoint
from tests.project import IRIS
from tests.service import open_client

TOKEN = "0123456789abcdef"
INFER = "/v2/models/iris-model/infer"
ROWS = [[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3], [6.3, 3.3, 6.0, 9.0]]
FLAT = [value for row in ROWS for value in row]
CLASSES = ["setosa", "versicolor", "virginica"]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(Settings(model=IRIS, admin_token=TOKEN)) as client:
        yield client


def expected(rows: list[list[float]]) -> np.ndarray:
    module = Multiclass.from_state(load_checkpoint(IRIS)[0])
    with torch.inference_mode():
        return module(torch.tensor(rows)).exp().numpy()


def body(rows: list[list[float]] = ROWS, **changes: Any) -> dict[str, Any]:
    tensor = {"name": "input", "shape": [len(rows), 4], "datatype": "FP32", "data": rows}
    return {"inputs": [tensor]} | changes


def by_name(answer: httpx.Response) -> dict[str, dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return {output["name"]: output for output in answer.json()["outputs"]}


def split(answer: httpx.Response) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The JSON of a binary answer, and the raw tensors after it."""
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers["inference-header-content-length"])
    head, rest = json.loads(answer.content[:length]), answer.content[length:]
    raw = {}
    for output in head["outputs"]:
        if "parameters" in output:
            size = output["parameters"]["binary_data_size"]
            raw[output["name"]], rest = rest[:size], rest[size:]
    assert rest == b""
    return head, raw


async def test_metadata_says_what_infer_takes_and_gives(client: httpx.AsyncClient) -> None:
    metadata = (await client.get("/v2/models/iris-model")).json()
    assert metadata["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 4]}]
    outputs = by_name(await client.post(INFER, json=body()))
    for described in metadata["outputs"]:
        output = outputs.pop(described["name"])
        assert output["datatype"] == described["datatype"]
        assert output["shape"] == [3, *described["shape"][1:]]
    assert outputs == {}
    at_version = await client.get("/v2/models/iris-model/versions/1")
    assert at_version.json() == metadata


@pytest.mark.parametrize("version", ["", "/versions/1"])
@pytest.mark.parametrize("flat", [False, True])
async def test_it_predicts_as_the_module_does(
    client: httpx.AsyncClient, version: str, flat: bool
) -> None:
    described = body(id="mine")
    if flat:
        described["inputs"][0]["data"] = FLAT
    answer = await client.post(f"/v2/models/iris-model{version}/infer", json=described)
    outputs, wanted = by_name(answer), expected(ROWS)
    assert {k: answer.json()[k] for k in ("id", "model_name", "model_version")} == {
        "id": "mine",
        "model_name": "iris-model",
        "model_version": "1",
    }
    probabilities = np.array(outputs["probabilities"]["data"]).reshape(3, 3)
    np.testing.assert_allclose(probabilities, wanted, rtol=1e-5, atol=1e-7)
    logs = np.array(outputs["log_probabilities"]["data"]).reshape(3, 3)
    np.testing.assert_allclose(np.exp(logs), wanted, rtol=1e-5, atol=1e-7)
    assert outputs["index"]["data"] == wanted.argmax(1).tolist()
    assert outputs["label"]["data"] == [CLASSES[index] for index in wanted.argmax(1)]
    assert outputs["out_of_range"]["data"] == [False] * 11 + [True]


async def test_many_rows_are_answered_as_few_are(client: httpx.AsyncClient) -> None:
    rows = ROWS * 20_000
    outputs = by_name(await client.post(INFER, json=body(rows, outputs=[{"name": "index"}])))
    assert outputs["index"]["data"] == expected(rows).argmax(1).tolist()


async def test_bytes_in_and_out(client: httpx.AsyncClient) -> None:
    array = np.array(ROWS, "<f4")
    tensor = {"name": "input", "shape": [3, 4], "datatype": "FP32"}
    tensor["parameters"] = {"binary_data_size": array.nbytes}
    outputs = [
        {"name": "probabilities"},
        {"name": "label", "parameters": {"binary_data": True}},
        {"name": "index", "parameters": {"binary_data": False}},
    ]
    described = {"parameters": {"binary_data_output": True}, "inputs": [tensor], "outputs": outputs}
    head = json.dumps(described).encode()
    answer = await client.post(
        INFER,
        content=head + array.tobytes(),
        headers={"Inference-Header-Content-Length": str(len(head))},
    )
    view, raw = split(answer)
    wanted = expected(ROWS)
    probabilities = np.frombuffer(raw["probabilities"], "<f4").reshape(3, 3)
    np.testing.assert_allclose(probabilities, wanted, rtol=1e-5, atol=1e-7)
    labels = [CLASSES[index].encode() for index in wanted.argmax(1)]
    assert raw["label"] == b"".join(len(each).to_bytes(4, "little") + each for each in labels)
    assert view["outputs"][2]["data"] == wanted.argmax(1).tolist()


async def test_a_length_of_0_makes_the_body_one_row(client: httpx.AsyncClient) -> None:
    content = np.array(ROWS[1], "<f4").tobytes()
    headers = {"Inference-Header-Content-Length": "0"}
    view, raw = split(await client.post(INFER, content=content, headers=headers))
    assert [output["name"] for output in view["outputs"]] == list(raw)
    assert np.frombuffer(raw["index"], "<i8").tolist() == expected(ROWS[1:2]).argmax(1).tolist()


async def test_classification_gives_the_highest_first(client: httpx.AsyncClient) -> None:
    described = {"name": "probabilities", "parameters": {"classification": 2}}
    outputs = by_name(await client.post(INFER, json=body(outputs=[described])))
    assert outputs["probabilities"]["datatype"] == "BYTES"
    assert outputs["probabilities"]["shape"] == [3, 2]
    found = np.array(outputs["probabilities"]["data"]).reshape(3, 2)
    for row, texts in zip(expected(ROWS), found, strict=True):
        indices = np.argsort(-row)[:2]
        for text, index in zip(texts, indices, strict=True):
            value, place, label = text.split(":")
            assert float(value) == pytest.approx(row[index], abs=1e-6)
            assert (int(place), label) == (index, CLASSES[index])


def changed(**changes: Any) -> bytes:
    described = body()
    described["inputs"][0] |= changes
    return json.dumps(described).encode()


NO_DATA = json.dumps({"inputs": [{"name": "input", "shape": [1, 4], "datatype": "FP32"}]}).encode()
HOSTILE = [
    (b"", "the body: not valid JSON: it is cut short"),
    (b"{}", "inputs: missing"),
    (b'{"inputs": [{"shape": [1]}]}', "inputs[0].name: missing"),
    (b"[]", "the body: a list where an object belongs"),
    (b"\xff\xfe", "the body: "),
    (b'{"inputs":' + b"[" * 60_000, "inputs[0]: a list where an object belongs"),
    (b'{"a":' + b"[" * 60_000, "the body: nested too deeply"),
    (b'{"inputs":' + b"[" * 100_000, "bytes of JSON beside the numbers"),
    (b'{"inputs":[]}', "the one input; given: none"),
    (json.dumps(body() | {"inputs": body()["inputs"] * 2}).encode(), "'input', 'input'"),
    (changed(name="x"), "given: 'x'"),
    (changed(datatype="FP8"), "datatype 'FP8'"),
    (changed(datatype="BYTES"), "datatype 'BYTES'; numbers such as FP32 are taken"),
    (changed(datatype="BOOL", data=[[True] * 4] * 3), "datatype 'BOOL'"),
    (changed(shape=[4, 3], data=FLAT), "shape [4, 3]; [rows, 4] is taken"),
    (changed(shape=[12], data=FLAT), "shape [12]; [rows, 4] is taken"),
    (changed(shape=[0, 4], data=[]), "shape [0, 4]"),
    (changed(shape=[0, 2**63], data=[]), "shape [0, 9223372036854775808]"),
    (changed(shape=[-1, 4]), "inputs[0].shape[0]: a whole number of at least 0 belongs here"),
    (changed(shape="3"), "inputs[0].shape: a string where a list belongs"),
    (changed(data=[[1e39] * 4] * 3), "1e+39 is beyond FP32"),
    (changed(parameters={"binary_data_size": 48}), "both data and binary_data_size"),
    (NO_DATA, "neither data nor binary_data_size"),
    (json.dumps(body(outputs=[{"name": "x"}])).encode(), "tensor 'x': no output; known: "),
    (json.dumps(body(outputs=[{"name": "index"}] * 2)).encode(), "2 outputs; each of 5 is given"),
    (json.dumps(body(outputs=[{"name": "index"}] * 1000)).encode(), "1000 outputs; each of 5"),
    (
        json.dumps(body(outputs=[{"name": "label", "parameters": {"classification": 1}}])).encode(),
        "classification is of",
    ),
    (
        json.dumps(
            body(outputs=[{"name": "probabilities", "parameters": {"classification": 0}}])
        ).encode(),
        "classification 0",
    ),
    (json.dumps(body(parameters={"binary_data_output": "yes"})).encode(), "true or false is taken"),
    (json.dumps(body(id=3)).encode(), "id: a whole number where a string or null belongs"),
]


@pytest.mark.parametrize(("content", "message"), HOSTILE)
async def test_what_is_wrong_is_said_in_the_protocols_shape(
    client: httpx.AsyncClient, content: bytes, message: str
) -> None:
    answer = await client.post(INFER, content=content)
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == ["error"]
    assert message in answer.json()["error"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", "the body: a list where an object belongs"),
        (b'{"ready": 1}', "ready: a whole number where true or false belongs"),
        (b'{"ready": ', "the body: not valid JSON: it is cut short"),
    ],
)
async def test_what_is_wrong_with_a_query_of_the_repository_is_said(
    client: httpx.AsyncClient, content: bytes, message: str
) -> None:
    answer = await client.post("/v2/repository/index", content=content)
    assert (answer.status_code, answer.json()) == (400, {"error": message})


@pytest.mark.parametrize("length", ["-1", "1.5", "x", "", "99999", "9" * 5000])
async def test_a_wrong_length_of_the_json_is_refused(
    client: httpx.AsyncClient, length: str
) -> None:
    headers = {"Inference-Header-Content-Length": length}
    answer = await client.post(INFER, json=body(), headers=headers)
    assert answer.status_code == 400
    assert "Inference-Header-Content-Length" in answer.json()["error"]


@pytest.mark.parametrize("size", [-1, 47, 49, "48", True, 1.0, None])
async def test_a_wrong_size_of_a_raw_tensor_is_refused(
    client: httpx.AsyncClient, size: object
) -> None:
    tensor = {"name": "input", "shape": [3, 4], "datatype": "FP32"}
    head = json.dumps({"inputs": [tensor | {"parameters": {"binary_data_size": size}}]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    answer = await client.post(INFER, content=head + bytes(48), headers=headers)
    assert answer.status_code == 400
    assert "error" in answer.json()


@given(content=st.binary(max_size=200), length=st.none() | st.integers(-5, 250))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_body_is_our_fault(
    client: httpx.AsyncClient, content: bytes, length: int | None
) -> None:
    headers = {} if length is None else {"Inference-Header-Content-Length": str(length)}
    answer = await client.post(INFER, content=content, headers=headers)
    assert answer.status_code in (200, 400)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/nowhere", 404),
        ("GET", "/v2/models/x", 404),
        ("GET", "/v2/models/iris-model/versions/9", 404),
        ("GET", "/v2/models/x/ready", 404),
        ("POST", "/v2/models/x/infer", 404),
        ("DELETE", "/v2/models/iris-model", 405),
        ("GET", INFER, 405),
        ("POST", "/v2/repository/models/iris-model/load", 401),
    ],
)
async def test_every_error_under_v2_has_the_protocols_shape(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert answer.headers["content-type"] == "application/json"


async def test_compression_is_refused_with_what_is_taken(client: httpx.AsyncClient) -> None:
    answer = await client.post(INFER, content=b"", headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 501
    assert answer.headers["accept-encoding"] == "identity"
    assert "gzip" in answer.json()["error"]


async def test_a_body_or_a_wait_that_is_too_long(client: httpx.AsyncClient) -> None:
    answer = await client.post(INFER, json=body(), headers={"X-Request-Timeout": "1e-9"})
    assert (answer.status_code, list(answer.json())) == (504, ["error"])
    async with open_client(Settings(model=IRIS, max_instances=2, max_body_bytes=1024)) as small:
        for content in (json.dumps(body()).encode(), bytes(2000)):
            answer = await small.post(INFER, content=content)
            assert (answer.status_code, list(answer.json())) == (413, ["error"])


async def test_health_follows_the_service(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v2/health/live")).json() == {"live": True}
    assert (await client.get("/v2/health/ready")).json() == {"live": True, "ready": True}
    assert (await client.get("/v2")).json() == (await client.get("/v2/")).json()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    for wrong in ({"version": "1"}, {"parameters": {"version": "1"}}):
        for verb in ("load", "unload"):
            path = f"/v2/repository/models/iris-model/{verb}"
            refused = await client.post(path, json=wrong, headers=headers)
            assert (refused.status_code, "version" in refused.json()["error"]) == (400, True)
    unloaded = await client.post("/v2/repository/models/iris-model/unload", headers=headers)
    assert (unloaded.status_code, unloaded.content) == (200, b"")
    for path in ("/v2/health/ready", "/v2/models/iris-model/ready"):
        answer = await client.get(path)
        assert (answer.status_code, list(answer.json())) == (503, ["error"])
    index = (await client.post("/v2/repository/index")).json()
    assert [(each["state"], each["reason"]) for each in index] == [("UNAVAILABLE", "unloaded")]
    assert (await client.post("/v2/repository/index", content=b'{"ready":true}')).json() == []
    loaded = await client.post("/v2/repository/models/iris-model/load", headers=headers)
    assert loaded.status_code == 200
    assert (await client.get("/v2/models/iris-model/ready")).json()["ready"] is True


async def test_files_in_a_load_are_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v2/repository/models/iris-model/load",
        headers={"Authorization": f"Bearer {TOKEN}"},
        json={"parameters": {"config": "{}"}},
    )
    assert answer.status_code == 400
    assert "parameters 'config'" in answer.json()["error"]


async def test_names_come_from_the_card(write_model: Callable[..., Path]) -> None:
    torch.manual_seed(1)
    module = Multiclass(n_features=3, n_hidden=4, n_classes=5).eval()
    async with open_client(Settings(model=write_model(module=module))) as client:
        metadata = (await client.get("/v2/models/made")).json()
        assert metadata["inputs"][0]["shape"] == [-1, 3]
        assert metadata["outputs"][0]["shape"] == [-1, 5]
        config = (await client.get("/v2/models/made/config")).json()
        assert config["input"] == [{"name": "input", "data_type": "TYPE_FP32", "dims": [3]}]
        assert config["output"][3] == {"name": "label", "data_type": "TYPE_STRING", "dims": [1]}
