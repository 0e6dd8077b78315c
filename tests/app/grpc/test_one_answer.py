"""A row has the same answer in every protocol of a real server, and in a batch with any rows."""

import io
from collections.abc import Iterator

import httpx
import numpy as np
import pyarrow as pa
import pytest
from tritonclient import grpc, http

from app.cli.local_model import LocalModel
from stateserve.model.cards.tabular_card import read_card
from tests import rest
from tests.project import IRIS
from tests.rpc import RpcProcess

MODEL = "iris-model"
CARD = read_card(IRIS.with_suffix(".json"))
NAMES = [feature.name for feature in CARD.features]
NPY, ARROW = "application/x-npy", "application/vnd.apache.arrow.stream"
# One of them is as near to the border of two classes as float32 can represent.
TRAINING = np.array(CARD.training_rows.rows, np.float32)
ROWS = np.concatenate([TRAINING, np.linspace(TRAINING[0], TRAINING[1], 300, dtype=np.float32)])
Answers = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def service(rpc: RpcProcess) -> Iterator[httpx.Client]:
    with rest.client(rpc.server.url) as client:
        yield client


@pytest.fixture(scope="module")
def expected(service: httpx.Client) -> Answers:
    """Index and float64 probabilities of each row, sent alone to the fast path."""
    answers = [service.post("/predict", json=flower(row)).json() for row in ROWS]
    return np.array([each["index"] for each in answers]), np.array([*map(probabilities, answers)])


def flower(row: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, row.tolist(), strict=True))


def probabilities(answer: dict) -> list[float]:
    return list(answer["probabilities"].values())


def ask(service: httpx.Client, rows: np.ndarray, **query: object) -> list[dict]:
    body = {"instances": [flower(row) for row in rows]}
    return service.post("/predict", json=body, params=query).json()["predictions"]


@pytest.mark.parametrize("size", [2, 7, 64, 65, len(ROWS)])
def test_in_batches_of_json(service: httpx.Client, expected: Answers, size: int) -> None:
    parts = [ask(service, ROWS[at : at + size]) for at in range(0, len(ROWS), size)]
    found = [each for part in parts for each in part]
    assert [each["index"] for each in found] == expected[0].tolist()
    assert np.array([*map(probabilities, found)]).tobytes() == expected[1].tobytes()


def test_by_the_router_and_by_explain(service: httpx.Client, expected: Answers) -> None:
    for row, wanted in zip(ROWS[::40], expected[1][::40], strict=True):
        routed = service.post("/predict?log_probabilities=true", json=flower(row)).json()
        explained = service.post("/explain", json=flower(row)).json()
        assert probabilities(routed) == probabilities(explained) == wanted.tolist()
        logs = np.array(list(routed["log_probabilities"].values()), np.float32)
        assert logs.tolist() == explained["activations"]["logsoftmax"]
        assert routed["class"] == explained["class"]


def test_by_npy_and_arrow(service: httpx.Client, expected: Answers) -> None:
    buffer = io.BytesIO()
    np.save(buffer, ROWS)
    answer = service.post("/predict", content=buffer.getvalue(), headers={"Content-Type": NPY})
    found = np.load(io.BytesIO(answer.content))
    assert found.tobytes() == expected[1].astype(np.float32).tobytes()

    batch = pa.record_batch({name: ROWS[:, at] for at, name in enumerate(NAMES)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    content = sink.getvalue().to_pybytes()
    answer = service.post("/predict", content=content, headers={"Content-Type": ARROW})
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table["index"].to_pylist() == expected[0].tolist()
    rows = [list(each.values()) for each in table["probabilities"].to_pylist()]
    assert np.array(rows).tobytes() == expected[1].tobytes()


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("size", [1, 100])
def test_by_v2_and_grpc(rpc: RpcProcess, expected: Answers, size: int, binary: bool) -> None:
    rows = ROWS[-size:]
    wanted = expected[1][-size:].astype(np.float32)
    with http.InferenceServerClient(rpc.server.url.removeprefix("http://")) as client:
        tensor = http.InferInput("input", list(rows.shape), "FP32")
        tensor.set_data_from_numpy(rows, binary_data=binary)
        outputs = [
            http.InferRequestedOutput(name, binary_data=binary)
            for name in ("probabilities", "index")
        ]
        answer = client.infer(MODEL, [tensor], outputs=outputs)
        assert answer.as_numpy("probabilities").tobytes() == wanted.tobytes()
        assert answer.as_numpy("index").tolist() == expected[0][-size:].tolist()
    with grpc.InferenceServerClient(rpc.address) as client:
        tensor = grpc.InferInput("input", list(rows.shape), "FP32")
        tensor.set_data_from_numpy(rows)
        answer = client.infer(MODEL, [tensor])
        assert answer.as_numpy("probabilities").tobytes() == wanted.tobytes()
        assert answer.as_numpy("index").tolist() == expected[0][-size:].tolist()


def test_on_the_command_line(expected: Answers) -> None:
    checkpoint = LocalModel(IRIS, allow_code=False)
    found = checkpoint.predict([flower(row) for row in ROWS])
    alone = checkpoint.predict([flower(ROWS[3])])
    assert (
        np.array([list(e.probabilities.values()) for e in found]).tobytes() == expected[1].tobytes()
    )
    assert list(alone[0].probabilities.values()) == expected[1][3].tolist()
