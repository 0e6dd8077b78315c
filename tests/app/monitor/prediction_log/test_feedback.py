"""POST /feedback through the real application, on both databases."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import RequestError
from app.monitor.prediction_log.feedback import PREDICTION_ID, parse_feedback
from app.settings.settings import Settings
from tests.app.monitor.prediction_log.conftest import predict
from tests.checkpoints import save_model
from tests.project import IRIS, SETOSA
from tests.service import open_client


@pytest.fixture
async def client(settings: Callable[..., Settings]) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(settings()) as client:
        yield client


async def send_feedback(client: httpx.AsyncClient, id: str, true_class: str) -> httpx.Response:
    return await client.post("/feedback", json={"prediction_id": id, "class": true_class})


async def test_feedback_comes_before_the_flush_and_again(client: httpx.AsyncClient) -> None:
    early = f"{await predict(client, 'early')}:0"
    first = await send_feedback(client, early, "versicolor")
    assert first.status_code == 200, first.text
    (judged,) = first.json()["predictions"]
    assert {name: judged[name] for name in ("model", "version", "class", "correct")} == {
        "model": "iris-model",
        "version": "1",
        "class": "setosa",
        "correct": False,
    }
    assert (first.json()["class"], first.json()["replaced"]) == ("versicolor", None)
    second = (await send_feedback(client, early, "setosa")).json()
    assert (second["class"], second["replaced"]) == ("setosa", "versicolor")
    assert second["predictions"][0]["correct"] is True
    summary = (await client.get("/monitoring")).json()["feedback"]
    assert summary == {"count": 1, "accuracy": 1, "confusion": [[1, 0, 0], [0, 0, 0], [0, 0, 0]]}


async def test_each_instance_has_an_id(client: httpx.AsyncClient) -> None:
    many = await predict(client, "many", {"instances": [SETOSA] * 3})
    assert (await send_feedback(client, f"{many}:2", "virginica")).status_code == 200
    unknown = await send_feedback(client, f"{many}:3", "virginica")
    assert unknown.status_code == 404
    assert unknown.headers["content-type"] == "application/problem+json"
    assert f"no prediction '{many}:3' in the log" in unknown.json()["detail"]
    assert (await client.get("/monitoring")).json()["feedback"]["count"] == 1


async def test_feedback_is_for_one_request_of_several_with_one_id(
    settings: Callable[..., Settings], tmp_path: Path
) -> None:
    for version in ("1", "2"):
        (tmp_path / "made" / version).mkdir(parents=True)
        save_model(tmp_path / "made" / version / "model.pth", seed=int(version))
    flower = dict.fromkeys(("x0", "x1", "x2", "x3"), 0.5)
    every = settings(models=tmp_path, model=tmp_path / "made", version_policy="all")
    async with open_client(every) as client:
        ids = {}
        for version in ("1", "2"):
            path = f"/models/made/versions/{version}/predict"
            answer = await client.post(path, json=flower, headers={"X-Request-ID": "both"})
            ids[version] = answer.headers["X-Prediction-ID"]
        answer = (await send_feedback(client, f"{ids['2']}:0", "class-1")).json()
        assert [each["version"] for each in answer["predictions"]] == ["2"]
        for version, count in (("1", 0), ("2", 1)):
            found = await client.get(f"/models/made/versions/{version}/monitoring")
            assert found.json()["feedback"]["count"] == count


async def test_an_unknown_class_changes_nothing(client: httpx.AsyncClient) -> None:
    known = f"{await predict(client, 'a')}:0"
    answer = await send_feedback(client, known, "Setosa")
    assert answer.status_code == 422
    detail = "iris-model has no class 'Setosa'; known: setosa, versicolor, virginica"
    assert answer.json()["errors"] == [{"pointer": "/class", "detail": detail}]
    assert (await send_feedback(client, known, "setosa")).json()["replaced"] is None


HOSTILE = {
    b"": (400, "not valid JSON"),
    b'{"prediction_id": "a:0"': (400, "at byte 23"),
    b"\xff": (400, "invalid UTF-8 at byte 0"),
    b"[" * 4000: (400, "nested too deeply"),
    b"[]": (
        422,
        'the body: a list where an object with "prediction_id", and "class" or "value" belongs',
    ),
    b'{"prediction_id": "a:0", "value": NaN}': (
        422,
        "/value: NaN where finite numbers below 3.4e+38 ",
    ),
    b'{"prediction_id": "a:0", "value": [1, ["2"]]}': (422, "/value: a list where finite"),
    b'{"prediction_id": "a:0", "value": %b1%b}' % (b"[" * 900, b"]" * 900): (422, "/value: more"),
    b'{"prediction_id": "a:0", "value": %b1%b}' % (b"[1," * 500, b"]" * 500): (422, "/value: more"),
    b'{"prediction_id": "a:0", "value": {}}': (422, "/value: an object where finite"),
    b'{"prediction_id": "a:0", "value": 1, "class": "x"}': (422, "/class: not with value"),
    b"{}": (422, "/prediction_id: missing; a string is needed (and 1 more)"),
    b'{"prediction_id": "a:0", "class": NaN}': (422, "/class: NaN where a string belongs"),
    b'{"prediction_id": {}, "class": "x"}': (422, "/prediction_id: an object where a string"),
    b'{"prediction_id": "a:0", "class": "x", "class": "y"}': (422, "/class: stands twice"),
    b'{"prediction_id": "a:0", "class": "x", "a/b": 1}': (422, "/a~1b: unknown field"),
    b'{"prediction_id": "a\'; DROP TABLE predictions; --:0", "class": "x"}': (422, "instance's"),
    b'{"prediction_id": "a:0\\u0000", "class": "x"}': (422, "/prediction_id: send the answer's"),
    b'{"prediction_id": "a", "class": "x"}': (422, "/prediction_id: send the answer's"),
    b'{"prediction_id": "a:0", "class": "\\ud800"}': (404, "no prediction 'a:0'"),
}


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: body[:40].decode("latin-1"))
async def test_a_wrong_body_is_told_what_is_wrong(body: bytes, tmp_path: Path) -> None:
    headers = {"Content-Type": "application/json"}
    address = f"sqlite:///{tmp_path}/log.db"
    async with open_client(Settings(model=IRIS, prediction_log=address)) as client:
        answer = await client.post("/feedback", content=body, headers=headers)
    status, detail = HOSTILE[body]
    assert (answer.status_code, detail in answer.json()["detail"]) == (status, True), answer.text


async def test_a_lone_surrogate_is_no_class(client: httpx.AsyncClient) -> None:
    known = await predict(client, "a")
    body = b'{"prediction_id": "%b:0", "class": "\\ud800"}' % known.encode()
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/feedback", content=body, headers=headers)
    assert answer.status_code == 422


async def test_no_id_but_the_answers_own_is_taken(client: httpx.AsyncClient) -> None:
    known = await predict(client, "mine")
    following = f"{int(known, 16) + 1:032x}"
    for other in ("mine", following, known[:24] + "00000001", known.upper(), known[1:]):
        if other != known:
            assert (await send_feedback(client, f"{other}:0", "setosa")).status_code == 404
    assert (await send_feedback(client, f"{known}:00", "setosa")).status_code == 404
    assert (await send_feedback(client, f"{known}:0", "setosa")).status_code == 200


async def test_a_body_too_large_or_of_another_type_is_refused(
    settings: Callable[..., Settings],
) -> None:
    async with open_client(settings(max_body_bytes=1024)) as client:
        large = await send_feedback(client, "a:0", "x" * 1024)
        form = await client.post("/feedback", data={"prediction_id": "a:0", "class": "x"})
    assert (large.status_code, form.status_code) == (413, 415)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
fields = st.dictionaries(st.sampled_from(["prediction_id", "class", "x"]), json_values)


@given(st.binary() | (json_values | fields).map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        feedback = parse_feedback(body)
    except RequestError:
        return
    if feedback.true_value is None:
        assert json.loads(body) == {"prediction_id": feedback[0], "class": feedback[1]}


@given(st.from_regex(PREDICTION_ID, fullmatch=True), st.text())
def test_a_right_body_is_read(id: str, true_class: str) -> None:
    body = json.dumps({"class": true_class, "prediction_id": id}).encode()
    assert parse_feedback(body) == (id, true_class, None, ())


@given(st.lists(st.lists(st.floats(-1e30, 1e30)), min_size=1))
def test_right_values_are_read_flat(values: list[list[float]]) -> None:
    body = json.dumps({"prediction_id": "a:0", "value": values}).encode()
    flat = [each for part in values for each in part]
    assert parse_feedback(body)[:3] == ("a:0", None, flat)


async def test_without_a_log_there_is_no_feedback() -> None:
    async with open_client(Settings(model=IRIS)) as client:
        answers = [await send_feedback(client, "a:0", "setosa"), await client.get("/monitoring")]
    for answer in answers:
        assert answer.status_code == 501
        assert "--prediction-log" in answer.json()["detail"]
