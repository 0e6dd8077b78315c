"""Client and AsyncClient against a real server, and against servers that fail on purpose."""

import inspect
import math
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator

import httpx
import msgspec
import numpy as np
import pytest
import torch

from stateserve.client.async_client import AsyncClient
from stateserve.client.client import Client
from stateserve.client.predictions import Answer, ModelReference, Novelty, Prediction, RangeWarning
from stateserve.errors import ClientError, Fault, NoAnswer, Problem
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.cards.tabular_card import read_card
from tests import rest
from tests.process import Process
from tests.project import IRIS, ROOT, SETOSA
from tests.stateserve.client.answers import RIGHT, busy

VIRGINICA = {"sepal_length": 6.3, "sepal_width": 3.3, "petal_length": 6.0, "petal_width": 2.5}


@pytest.fixture
def iris(server: Process) -> Iterator[Client]:
    with Client(server.url) as client:
        yield client


def test_one_flower(iris: Client) -> None:
    prediction = iris.predict(SETOSA)
    assert prediction.label == "setosa"
    assert prediction.index == 0
    assert prediction.warnings == []
    assert prediction.log_probabilities is None
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert prediction.model.name == "iris-model"


def test_many_flowers_each_with_the_model_that_answered(iris: Client) -> None:
    found = iris.predict(iter([SETOSA, VIRGINICA]), log_probabilities=True)
    assert [prediction.label for prediction in found] == ["setosa", "virginica"]
    assert {prediction.model.state_sha256 for prediction in found} == {
        read_card(IRIS.with_suffix(".json")).state_sha256[:12]
    }
    for prediction in found:
        assert prediction.log_probabilities is not None
        logs = np.array(list(prediction.log_probabilities.values()))
        np.testing.assert_allclose(np.exp(logs), list(prediction.probabilities.values()))


def test_no_flowers_are_the_services_to_refuse(iris: Client) -> None:
    with pytest.raises(Problem, match=r"at least one instance"):
        iris.predict([])


def test_a_value_beyond_the_training_range_is_warned_of(iris: Client) -> None:
    [warning] = iris.predict(SETOSA | {"petal_width": 9}).warnings
    assert (warning.feature, warning.value) == ("petal_width", 9)
    assert "0.1 to 2.5 cm" in warning.detail


def test_numbers_of_numpy_and_torch_are_taken(iris: Client) -> None:
    arrays = {name: np.float32(value) for name, value in SETOSA.items()}
    tensors = {name: torch.tensor(value) for name, value in SETOSA.items()}
    plain, *others = iris.predict([SETOSA, arrays, tensors])
    for other in others:
        assert other.probabilities == pytest.approx(plain.probabilities)


def test_the_state_is_ready_to_load_and_gives_the_same_answers(iris: Client) -> None:
    model = Multiclass()
    model.load_state_dict(iris.state())
    row = torch.tensor([list(VIRGINICA.values())])
    logs = iris.predict(VIRGINICA, log_probabilities=True).log_probabilities
    assert logs is not None
    assert model.eval()(row)[0].tolist() == pytest.approx(list(logs.values()), abs=1e-6)


def test_arrays_are_the_state_in_numpy(iris: Client) -> None:
    state, arrays = iris.state(), iris.arrays()
    assert list(state) == list(arrays) == list(torch.load(IRIS))
    for name, tensor in torch.load(IRIS).items():
        assert torch.equal(state[name], tensor)
        np.testing.assert_array_equal(arrays[name], tensor.numpy())


def test_one_tensor_whole_and_sliced(iris: Client) -> None:
    weight = torch.load(IRIS)["hidden.weight"]
    assert torch.equal(iris.tensor("hidden.weight"), weight)
    assert torch.equal(iris.tensor("hidden.weight", "0:2,1"), weight[0:2, 1])
    np.testing.assert_array_equal(iris.array("hidden.weight", "::-1"), weight.numpy()[::-1])


def test_the_model_and_its_card(iris: Client) -> None:
    card = read_card(IRIS.with_suffix(".json"))
    assert iris.card() == card
    model = iris.model()
    assert (model.name, model.card) == ("iris-model", card)
    assert model.totals.parameters == 67
    assert [layer.name for layer in model.layers][:2] == ["norm", "hidden"]


def test_arrays_and_card_need_no_torch(server: Process) -> None:
    script = (
        "import sys; from stateserve.client import Client\n"
        f"client = Client({server.url!r})\n"
        f"client.arrays(), client.array('hidden.bias'), client.card(), client.predict({SETOSA})\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def test_without_httpx_the_install_command_is_given() -> None:
    script = "import sys; sys.modules['httpx'] = None; from stateserve.client import Client"
    result = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert result.stderr.splitlines()[-1] == (
        "stateserve.errors.MissingExtra: stateserve.client needs httpx: pip install httpx"
    )


def test_a_refusal_carries_every_fault_and_the_request_id(iris: Client) -> None:
    wrong = SETOSA | {"petal_width": math.nan, "colour": 1.0}
    with pytest.raises(Problem) as caught:
        iris.predict([SETOSA, wrong])
    problem = caught.value
    assert problem.status == 422
    assert Fault("/instances/1/petal_width", "null where a finite number belongs") in problem.errors
    assert "/instances/1/colour" in [fault.pointer for fault in problem.errors]
    assert problem.request_id
    assert str(problem) == f"{problem.url}: 422: {problem.detail}"


def test_a_wrong_parameter_is_named(iris: Client) -> None:
    with pytest.raises(Problem, match=r"the nearest name is 'hidden.weight'") as caught:
        iris.tensor("hidden.weigth")
    assert (caught.value.status, caught.value.errors) == (404, [])
    with pytest.raises(Problem) as caught:
        iris.tensor("hidden.weight", "9")
    assert caught.value.status == 422


def test_the_types_are_those_of_the_api(server: Process) -> None:
    schemas = rest.get(f"{server.url}/openapi.json").json()["components"]["schemas"]
    warning = schemas["Answer"]["properties"]["warnings"]["items"]
    for struct, schema in [
        (Answer, schemas["Answer"]),
        (Prediction, schemas["Prediction"]),
        (ModelReference, schemas["Model"]),
        (RangeWarning, warning),
        (Novelty, schemas["Answer"]["properties"]["novelty"]),
    ]:
        # A prediction's id is in a header of its answer; other models have outputs and units.
        others = {"id", "outputs", "units"}
        fields = [field for field in msgspec.structs.fields(struct) if field.name not in others]
        assert {field.encode_name for field in fields} == schema["properties"].keys()
        required = {field.encode_name for field in fields if field.required}
        assert required <= set(schema["required"])


async def test_the_async_client_does_the_same(server: Process, iris: Client) -> None:
    async with AsyncClient(server.url) as client:
        assert await client.ready()
        assert await client.predict(SETOSA) == iris.predict(SETOSA)
        assert await client.predict([SETOSA], log_probabilities=True) == iris.predict(
            [SETOSA], log_probabilities=True
        )
        assert await client.card() == iris.card()
        assert await client.model() == iris.model()
        assert (await client.state()).keys() == (await client.arrays()).keys()
        tensor = await client.tensor("hidden.weight", "0")
        np.testing.assert_array_equal(await client.array("hidden.weight", "0"), tensor.numpy())
        with pytest.raises(Problem, match=r"422"):
            await client.predict({})


def test_both_clients_have_the_same_methods() -> None:
    def methods(client: type) -> dict[str, inspect.Signature]:
        members = inspect.getmembers(client, inspect.isfunction)
        return {name: inspect.signature(f) for name, f in members if not name.startswith("_")}

    expected = methods(Client)
    expected["aclose"] = expected.pop("close")
    # Its arrays are downloaded where they are used, which a coroutine cannot do.
    del expected["open_state"]
    assert methods(AsyncClient) == expected


Handler = Callable[[httpx.Request], httpx.Response]


def in_turn(*answers: httpx.Response | Exception) -> tuple[Handler, list[httpx.Request]]:
    """A server that gives these answers one after another; yields its requests."""
    left, seen = list(answers), list[httpx.Request]()

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handle, seen


async def ask_sync(handler: Handler, patience: float) -> Prediction:
    transport = httpx.MockTransport(handler)
    with Client("http://test", patience=patience, transport=transport) as client:
        return client.predict(SETOSA)


async def ask_async(handler: Handler, patience: float) -> Prediction:
    transport = httpx.MockTransport(handler)
    async with AsyncClient("http://test", patience=patience, transport=transport) as client:
        return await client.predict(SETOSA)


both = pytest.mark.parametrize("ask", [ask_sync, ask_async])
Ask = Callable[[Handler, float], Awaitable[Prediction]]


@both
async def test_a_busy_then_lost_service_is_asked_again(ask: Ask) -> None:
    handler, seen = in_turn(busy(), httpx.ReadError("reset"), httpx.Response(200, json=RIGHT))
    assert (await ask(handler, 10)).label == "a"
    assert [request.content for request in seen] == [seen[0].content] * 3


@both
async def test_a_service_that_stays_busy_is_a_problem(ask: Ask) -> None:
    with pytest.raises(Problem, match=r"^http://test/predict: 503: draining; patience=SECONDS"):
        await ask(in_turn(busy())[0], 0)


@both
async def test_nobody_there_is_no_answer(ask: Ask) -> None:
    with pytest.raises(NoAnswer, match=r"^http://test/predict: refused; is the service running"):
        await ask(in_turn(httpx.ConnectError("refused"))[0], 0)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"class": 1}'])
@both
async def test_the_answer_of_another_service_is_no_answer(ask: Ask, body: bytes) -> None:
    with pytest.raises(NoAnswer, match=r"^http://test/predict: not what this client reads: "):
        await ask(in_turn(httpx.Response(200, content=body))[0], 0)


@both
async def test_the_error_of_another_service_is_still_a_problem(ask: Ask) -> None:
    with pytest.raises(Problem, match=r"502: Bad Gateway") as caught:
        await ask(in_turn(httpx.Response(502, html="<h1>nginx</h1>"))[0], 0)
    assert caught.value.request_id is None


NESTED = b'{"a":' * 100_000
ODD = [b"[]", b"1", b"null", b"[" * 100_000, NESTED, b'{"card": 1}', b'{"card": {}}', b"\xff"]


@pytest.mark.parametrize("body", [*ODD, b'{"attributions": 1}'])
@pytest.mark.parametrize("status", [200, 422])
def test_every_answer_is_checked(body: bytes, status: int) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
    with Client("http://test", transport=transport, patience=0) as client:
        reads = [client.card, client.model, client.models, client.state, client.arrays]
        for read in [*reads, lambda: client.explain(SETOSA), lambda: client.predict([SETOSA])]:
            with pytest.raises(ClientError):
                read()


def test_a_service_is_ready_or_not_without_waiting() -> None:
    for answer, ready in [(httpx.Response(200), True), (busy(), False), (OSError, False)]:
        outcome = httpx.ConnectError("refused") if answer is OSError else answer
        handler, seen = in_turn(outcome)
        with Client("http://test", transport=httpx.MockTransport(handler)) as client:
            assert client.ready() is ready
        assert len(seen) == 1


def test_a_service_behind_a_prefix_keeps_it() -> None:
    handler, seen = in_turn(httpx.Response(200, json=RIGHT), busy())
    transport = httpx.MockTransport(handler)
    with Client("http://test/iris", patience=0, transport=transport) as client:
        client.predict(SETOSA, log_probabilities=True)
        with pytest.raises(Problem):
            client.tensor("a/b ü")
    assert [str(request.url) for request in seen] == [
        "http://test/iris/predict?log_probabilities=true",
        "http://test/iris/state/a%2Fb%20%C3%BC?format=safetensors",
    ]


def test_details_are_shown_if_asked(iris: Client) -> None:
    answer = iris.predict(SETOSA, calibrated=True, out_of_distribution=True)
    assert answer.novelty is not None
    assert not answer.novelty.out_of_distribution
    assert answer.probabilities["setosa"] > iris.predict(SETOSA).probabilities["setosa"]
    assert answer.log_probabilities is None
