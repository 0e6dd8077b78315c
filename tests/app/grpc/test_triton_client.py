"""NVIDIA's own gRPC client, unmodified, against a real server."""

from collections.abc import Iterator

import numpy as np
import pytest
from tritonclient import grpc as triton

from tests import rest
from tests.rpc import TOKEN, RpcProcess
from tests.triton import LABELS, MODEL, ROWS, expected

NAMES = ("probabilities", "log_probabilities", "index", "label", "out_of_range")
ADMIN = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def client(rpc: RpcProcess) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(rpc.address) as client:
        yield client


def given(rows: np.ndarray) -> list[triton.InferInput]:
    tensor = triton.InferInput("input", list(rows.shape), "FP32")
    tensor.set_data_from_numpy(rows)
    return [tensor]


def test_health_and_metadata(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert client.is_model_ready(MODEL, "1")
    assert "classification" in client.get_server_metadata().extensions
    index = client.get_model_repository_index().models
    assert [(each.name, each.version, each.state) for each in index] == [(MODEL, "1", "READY")]


def test_both_protocols_say_the_same_of_a_model(
    rpc: RpcProcess, client: triton.InferenceServerClient
) -> None:
    for path, found in {
        "": client.get_model_metadata(MODEL, as_json=True),
        "/versions/1": client.get_model_metadata(MODEL, "1", as_json=True),
        "/config": client.get_model_config(MODEL, as_json=True)["config"],
    }.items():
        said = rest.get(f"{rpc.server.url}/v2/models/{MODEL}{path}").json()
        # protobuf's JSON writes a 64-bit integer as a string.
        assert as_text(found) == as_text(said)


def as_text(value: object) -> object:
    if isinstance(value, dict):
        return {name: as_text(each) for name, each in value.items()}
    return [as_text(each) for each in value] if isinstance(value, list) else str(value)


def test_it_predicts_as_the_module_does(client: triton.InferenceServerClient) -> None:
    result = client.infer(MODEL, given(ROWS), request_id="mine", model_version="1")
    said = result.get_response()
    assert (said.id, said.model_name, said.model_version) == ("mine", MODEL, "1")
    assert [output.name for output in said.outputs] == list(NAMES)
    wanted = expected(ROWS)
    np.testing.assert_allclose(result.as_numpy("probabilities"), wanted, rtol=1e-5, atol=1e-7)
    logs = result.as_numpy("log_probabilities")
    np.testing.assert_allclose(logs, np.log(wanted), rtol=1e-4, atol=1e-5)
    assert result.as_numpy("index").tolist() == wanted.argmax(1).tolist()
    assert result.as_numpy("label").tolist() == LABELS
    assert result.as_numpy("out_of_range").shape == ROWS.shape


def test_a_large_batch_and_many_at_once(client: triton.InferenceServerClient) -> None:
    rows = np.repeat(ROWS, 20_000, axis=0)
    outputs = [triton.InferRequestedOutput("index")]
    result = client.infer(MODEL, given(rows), outputs=outputs)
    assert result.as_numpy("index").tolist() == expected(rows).argmax(1).tolist()
    assert result.as_numpy("label") is None
    results: list[tuple[int, object, object]] = []
    for row in [0, 1, 2] * 5:
        client.async_infer(
            MODEL,
            given(ROWS[row : row + 1]),
            lambda result, error, row=row: results.append((row, result, error)),
        )
    while len(results) < 15:
        client.is_server_live()
    assert all(error is None for _, _, error in results)
    wanted = expected(ROWS).argmax(1)
    assert all(result.as_numpy("index").item() == wanted[row] for row, result, _ in results)


def test_the_highest_classes_as_text(client: triton.InferenceServerClient) -> None:
    outputs = [triton.InferRequestedOutput("probabilities", class_count=2)]
    texts = client.infer(MODEL, given(ROWS), outputs=outputs).as_numpy("probabilities")
    assert texts.shape == (3, 2)
    assert [text.split(b":")[2] for text in texts[:, 0]] == LABELS


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"model_name": "other"}, "NOT_FOUND", "no model 'other'"),
        ({"model_version": "9"}, "NOT_FOUND", "no version '9'"),
        ({"outputs": [triton.InferRequestedOutput("x")]}, "INVALID_ARGUMENT", "'x': no output"),
        ({"inputs": given(ROWS[:, :3])}, "INVALID_ARGUMENT", "shape [3, 3]; [rows, 4] is taken"),
        ({"inputs": given(ROWS * np.inf)}, "INVALID_ARGUMENT", "inf where a finite number"),
        ({"inputs": given(np.zeros((2**17, 4), np.float32))}, "RESOURCE_EXHAUSTED", "larger than"),
        ({"client_timeout": 1e-9}, "DEADLINE_EXCEEDED", ""),
    ],
)
def test_its_errors_have_a_status_and_say_what_was_wrong(
    client: triton.InferenceServerClient, changes: dict, status: str, message: str
) -> None:
    with pytest.raises(triton.InferenceServerException) as caught:
        client.infer(**({"model_name": MODEL, "inputs": given(ROWS)} | changes))
    assert caught.value.status() == f"StatusCode.{status}"
    assert message in caught.value.message()


def test_who_holds_the_token_unloads_and_loads(client: triton.InferenceServerClient) -> None:
    for headers in (None, {"authorization": "Bearer other"}, {"authorization": f"Basic {TOKEN}"}):
        with pytest.raises(triton.InferenceServerException) as caught:
            client.unload_model(MODEL, headers=headers)
        assert caught.value.status() == "StatusCode.UNAUTHENTICATED"
    client.unload_model(MODEL, headers=ADMIN)
    assert not client.is_model_ready(MODEL)
    assert not client.is_server_ready()
    with pytest.raises(triton.InferenceServerException) as caught:
        client.infer(MODEL, given(ROWS))
    assert caught.value.status() == "StatusCode.UNAVAILABLE"
    assert client.get_model_repository_index().models[0].reason == "unloaded"
    client.load_model(MODEL, headers=ADMIN)
    assert client.infer(MODEL, given(ROWS)).as_numpy("label").tolist() == LABELS
    with pytest.raises(triton.InferenceServerException, match="parameters 'config': a model is"):
        client.load_model(MODEL, headers=ADMIN, config="{}")


def test_statistics_count_the_rows(client: triton.InferenceServerClient) -> None:
    before = client.get_inference_statistics(MODEL).model_stats[0]
    client.infer(MODEL, given(ROWS))
    (after,) = client.get_inference_statistics().model_stats
    assert after.inference_count == before.inference_count + 3
    assert after.execution_count == before.execution_count + 1
    assert after.last_inference >= before.last_inference
    times, times_before = after.inference_stats, before.inference_stats
    for name in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        assert getattr(times, name).count == getattr(times_before, name).count + 1
    assert times.compute_infer.ns > times_before.compute_infer.ns
    assert 3 in [each.batch_size for each in after.batch_stats]
