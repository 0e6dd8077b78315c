"""NVIDIA's own client of the Open Inference Protocol, unmodified, against a real server."""

import os
from collections.abc import Iterator

import numpy as np
import pytest
from tritonclient import http as triton

from tests.process import Process, running_server
from tests.triton import LABELS, MODEL, ROWS, expected

TOKEN = "0123456789abcdef"


def connect(process: Process) -> triton.InferenceServerClient:
    return triton.InferenceServerClient(process.url.removeprefix("http://"), concurrency=4)


@pytest.fixture
def client(server: Process) -> Iterator[triton.InferenceServerClient]:
    with connect(server) as client:
        yield client


def given(rows: np.ndarray, *, binary: bool = True) -> list[triton.InferInput]:
    tensor = triton.InferInput("input", list(rows.shape), "FP32")
    tensor.set_data_from_numpy(rows, binary_data=binary)
    return [tensor]


def test_health_and_metadata(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert client.is_model_ready(MODEL, "1")
    assert not client.is_model_ready("other")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    assert client.get_model_metadata(MODEL) == client.get_model_metadata(MODEL, "1")
    assert client.get_model_config(MODEL)["input"][0]["dims"] == [4]
    assert client.get_model_repository_index()[0]["state"] == "READY"
    statistics = client.get_inference_statistics(MODEL)["model_stats"]
    assert [(each["name"], each["version"]) for each in statistics] == [(MODEL, "1")]


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_it_predicts_as_the_module_does(
    client: triton.InferenceServerClient, binary_in: bool, binary_out: bool
) -> None:
    names = ("probabilities", "log_probabilities", "index", "label", "out_of_range")
    outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in names]
    result = client.infer(MODEL, given(ROWS, binary=binary_in), outputs=outputs, request_id="mine")
    assert result.get_response()["id"] == "mine"
    wanted = expected(ROWS)
    np.testing.assert_allclose(result.as_numpy("probabilities"), wanted, rtol=1e-5, atol=1e-7)
    logs = result.as_numpy("log_probabilities")
    np.testing.assert_allclose(logs, np.log(wanted), rtol=1e-4, atol=1e-5)
    assert result.as_numpy("index").tolist() == wanted.argmax(1).tolist()
    labels = result.as_numpy("label")
    # The client returns strings from JSON as str, not as bytes.
    wanted_labels = [LABELS[index] for index in wanted.argmax(1)]
    assert [each if binary_out else each.encode() for each in labels] == wanted_labels
    assert result.as_numpy("out_of_range").shape == (3, 4)


def test_it_asks_for_no_outputs_and_gets_all_as_bytes(client: triton.InferenceServerClient) -> None:
    result = client.infer(MODEL, given(ROWS), model_version="1")
    outputs = result.get_response()["outputs"]
    assert len(outputs) == 5
    assert all("binary_data_size" in output["parameters"] for output in outputs)


def test_a_large_batch_and_many_at_once(client: triton.InferenceServerClient) -> None:
    rows = np.repeat(ROWS, 20_000, axis=0)
    result = client.infer(MODEL, given(rows))
    assert result.as_numpy("index").tolist() == expected(rows).argmax(1).tolist()
    waiting = [client.async_infer(MODEL, given(ROWS[row : row + 1])) for row in [0, 1, 2] * 5]
    found = [each.get_result().as_numpy("index").item() for each in waiting]
    assert found == expected(ROWS).argmax(1).tolist() * 5


def test_the_highest_classes_as_text(client: triton.InferenceServerClient) -> None:
    outputs = [triton.InferRequestedOutput("probabilities", class_count=2)]
    texts = client.infer(MODEL, given(ROWS), outputs=outputs).as_numpy("probabilities")
    assert texts.shape == (3, 2)
    assert [text.split(b":")[2] for text in texts[:, 0]] == LABELS


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_name": "other"}, "no model 'other'"),
        ({"model_version": "9"}, "no version '9'"),
        ({"outputs": [triton.InferRequestedOutput("x")]}, "tensor 'x': no output"),
        ({"inputs": given(ROWS[:, :3])}, "shape [3, 3]; [rows, 4] is taken"),
        ({"request_compression_algorithm": "gzip"}, "send the body uncompressed"),
    ],
)
def test_its_errors_say_what_was_wrong(
    client: triton.InferenceServerClient, changes: dict, message: str
) -> None:
    with pytest.raises(triton.InferenceServerException) as caught:
        client.infer(**({"model_name": MODEL, "inputs": given(ROWS)} | changes))
    assert message in caught.value.message()


def test_it_may_ask_for_a_compressed_answer(client: triton.InferenceServerClient) -> None:
    result = client.infer(MODEL, given(ROWS), response_compression_algorithm="gzip")
    assert result.as_numpy("label").tolist() == LABELS


def test_who_holds_the_token_unloads_and_loads(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "STATESERVE_ADMIN_TOKEN", TOKEN)
    log = tmp_path_factory.mktemp("admin") / "log"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with running_server(log) as process, connect(process) as client:
        with pytest.raises(triton.InferenceServerException, match="scope admin"):
            client.unload_model(MODEL)
        client.unload_model(MODEL, headers=headers)
        assert not client.is_model_ready(MODEL)
        assert not client.is_server_ready()
        client.load_model(MODEL, headers=headers)
        assert client.infer(MODEL, given(ROWS)).as_numpy("label").tolist() == LABELS
        with pytest.raises(triton.InferenceServerException, match="parameters 'config'"):
            client.load_model(MODEL, headers=headers, config="{}")
