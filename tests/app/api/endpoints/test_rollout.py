"""Canary and shadow through the whole application; plain torch says which version answered."""

import asyncio
import functools
import io
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch

from app.api.app import create_app
from app.errors import SettingsError
from app.settings.rollout_target import Target
from app.settings.settings import Settings
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.checkpoint import save_checkpoint
from tests.checkpoints import make_card, save_model
from tests.networks import seeded
from tests.service import open_client

FEATURES = ("x0", "x1", "x2", "x3")
FLOWER = dict(zip(FEATURES, (0.1, -0.5, 0.9, 0.3), strict=True))
TOKEN = "a-token-that-no-one-guesses"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
CANARY = Target.parse("canary", "wine:2=0.3")
SHADOW = Target.parse("shadow", "wine:2=0.5")
IDS = [f"request-{number}" for number in range(100)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Versions 1 and 2 of wine; the number of a version is the seed of its weights."""
    for version in (1, 2):
        save_model(tmp_path / f"models/wine/{version}/model.pth", seed=version)
    return tmp_path / "models"


@asynccontextmanager
async def service(folder: Path, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    common = {"models": folder, "model": "wine", "admin_token": TOKEN, "hot_reload": False}
    async with open_client(Settings(**common | settings)) as client:
        yield client


@functools.cache
def module_of(version: str) -> Multiclass:
    return seeded(int(version))


def expected(version: str, rows: list[list[float]]) -> np.ndarray:
    with torch.inference_mode():
        return module_of(version)(torch.tensor(rows)).exp().numpy()


async def version_of(client: httpx.AsyncClient, request_id: str, url: str = "/predict") -> str:
    """The version that an answer names; checks that the probabilities are of this version."""
    answer = await client.post(url, json=FLOWER, headers={"X-Request-ID": request_id})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    found = list(body["probabilities"].values())
    version: str = body["model"]["version"]
    np.testing.assert_allclose(found, expected(version, [list(FLOWER.values())])[0], atol=1e-6)
    return version


async def comparison(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/models/wine/comparison")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def when_compared(client: httpx.AsyncClient, requests: int) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while (shadow := (await comparison(client))["shadow"])["requests"] < requests:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    return shadow


def chosen(request_id: str) -> str:
    return "2" if CANARY.takes(request_id.encode()) else "1"


@pytest.mark.parametrize("url", ["/predict", "/models/wine/predict", "/predict?calibrated=false"])
async def test_an_id_always_has_its_version(folder: Path, url: str) -> None:
    async with service(folder, canary="wine:2=0.3") as client:
        found = [await version_of(client, request_id, url) for request_id in IDS]
        again = [await version_of(client, request_id, url) for request_id in IDS]
    assert found == again == list(map(chosen, IDS))
    assert set(found) == {"1", "2"}


async def test_who_names_a_version_or_asks_for_the_state_gets_no_canary(folder: Path) -> None:
    async with service(folder, canary="wine:2=1") as client:
        assert await version_of(client, "a") == "2"
        assert await version_of(client, "a", "/models/wine/versions/1/predict") == "1"
        assert (await client.get("/model")).json()["version"] == "1"
        answers = (await comparison(client))["canary"]["answers"]
    assert [each["requests"] for each in answers] == [0, 1]


async def test_the_open_inference_protocol_takes_the_same_turns(folder: Path) -> None:
    tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": list(FLOWER.values())}
    async with service(folder, canary="wine:2=0.3", shadow="wine:2=1") as client:
        for request_id in IDS[:20]:
            answer = await client.post(
                "/v2/models/wine/infer",
                json={"inputs": [tensor], "outputs": [{"name": "probabilities"}]},
                headers={"X-Request-ID": request_id},
            )
            assert answer.json()["model_version"] == chosen(request_id)
            found = answer.json()["outputs"][0]["data"]
            right = expected(chosen(request_id), [list(FLOWER.values())])[0]
            np.testing.assert_allclose(found, right, atol=1e-6)
        counted = (await comparison(client))["canary"]["answers"]
    assert sum(each["requests"] for each in counted) == 20


async def test_a_binary_answer_names_its_version(folder: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.array([list(FLOWER.values())], np.float32))
    async with service(folder, canary="wine:2=0.3") as client:
        for request_id in IDS[:10]:
            headers = {"Content-Type": "application/x-npy", "X-Request-ID": request_id}
            answer = await client.post("/predict", content=stream.getvalue(), headers=headers)
            assert answer.headers["x-model-version"] == chosen(request_id)
            found = np.load(io.BytesIO(answer.content))
            right = expected(chosen(request_id), [list(FLOWER.values())])
            np.testing.assert_allclose(found, right, atol=1e-6)


async def test_the_comparison_counts_each_versions_answers(folder: Path) -> None:
    async with service(folder, canary="wine:2=0.3") as client:
        assert await comparison(client) == {
            "name": "wine",
            "default_version": "1",
            "canary": {
                "version": "2",
                "share": 0.3,
                "reason": None,
                "answers": [
                    {"version": "1", "requests": 0, "errors": 0, "mean_seconds": None},
                    {"version": "2", "requests": 0, "errors": 0, "mean_seconds": None},
                ],
            },
            "shadow": None,
        }
        for request_id in IDS:
            await version_of(client, request_id)
            await client.post("/predict", json={"x0": 1}, headers={"X-Request-ID": request_id})
        answers = (await comparison(client))["canary"]["answers"]
        metrics = (await client.get("/metrics")).text
    theirs = sum(chosen(request_id) == "2" for request_id in IDS)
    assert [(each["requests"], each["errors"]) for each in answers] == [
        (2 * (100 - theirs), 100 - theirs),
        (2 * theirs, theirs),
    ]
    assert all(0 < each["mean_seconds"] < 10 for each in answers)
    line = f'rollout_requests_total{{model="wine",status="422",version="2"}} {theirs}.0'
    assert line in metrics


async def test_who_leaves_before_the_answer_is_no_error_of_either(folder: Path) -> None:
    app = create_app(Settings(models=folder, model="wine", canary="wine:2=0.3"))
    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b""}
    headers = [(b"content-type", b"application/json"), (b"content-length", b"9")]
    sent = []

    async def leave() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    async with app.router.lifespan_context(app):
        await app.middleware_stack(scope | {"headers": headers}, leave, send)
    assert sent == []
    assert list(app.state.service.metrics.snapshot().of("rollout_requests_total")) == []


async def test_a_canary_that_is_unloaded_leaves_all_to_the_default(folder: Path) -> None:
    async with service(folder, canary="wine:2=1") as client:
        assert await version_of(client, "a") == "2"
        await client.post("/models/wine/unload?version=2", headers=BEARER)
        assert await version_of(client, "a") == "1"
        canary = (await comparison(client))["canary"]
        assert canary["reason"] == "no version '2' of wine (unloaded); known: 1"
        await client.post("/models/wine/load?version=2", headers=BEARER)
        assert await version_of(client, "a") == "2"
        await client.post("/models/wine/unload?version=1", headers=BEARER)
        answer = await client.post("/predict", json=FLOWER)
        assert answer.status_code == 503
        assert answer.json()["detail"] == (
            "no version of wine is loaded: only 2, as canary or shadow"
        )
        assert (await comparison(client))["default_version"] is None
        await client.post("/models/wine/load", headers=BEARER)
        assert await version_of(client, "a") == "2"


async def test_a_canary_that_is_made_the_default_answers_all(folder: Path) -> None:
    async with service(folder, canary="wine:2=0.3") as client:
        assert (await client.get("/models/wine")).json()["default_version"] == "1"
        await client.post("/models/wine/default?version=2", headers=BEARER)
        assert {await version_of(client, request_id) for request_id in IDS} == {"2"}
        view = await comparison(client)
        assert view["canary"]["reason"] == "version 2 of wine is the default itself"
        assert [each["version"] for each in view["canary"]["answers"]] == ["2"]
        # Back to the old default.
        await client.post("/models/wine/default?version=1", headers=BEARER)
        assert [await version_of(client, request_id) for request_id in IDS] == list(
            map(chosen, IDS)
        )


async def test_a_reloaded_canary_answers_with_its_new_state(folder: Path) -> None:
    async with service(folder, canary="wine:2=1") as client:
        assert await version_of(client, "a") == "2"
        save_model(folder / "wine/2/model.pth", seed=3)
        await client.post("/models/wine/load", headers=BEARER)
        answer = (await client.post("/predict", json=FLOWER)).json()
    right = expected("3", [list(FLOWER.values())])[0]
    np.testing.assert_allclose(list(answer["probabilities"].values()), right, atol=1e-6)
    assert answer["model"]["version"] == "2"


@pytest.mark.parametrize("rows", [3, 200])
async def test_a_shadow_changes_no_answer_and_counts_what_differs(folder: Path, rows: int) -> None:
    inputs = np.random.default_rng(0).uniform(-1, 1, (rows, 4)).astype(np.float32)
    body = {"instances": [dict(zip(FEATURES, row, strict=True)) for row in inputs.tolist()]}

    async def ask(client: httpx.AsyncClient) -> list[bytes]:
        answers = [
            await client.post("/predict", json=body, headers={"X-Request-ID": request_id})
            for request_id in IDS
        ]
        return [answer.content for answer in answers]

    async with service(folder, version_policy="1") as client:
        alone = await ask(client)
        assert (await client.get("/models/wine/comparison")).status_code == 404
    mirrored = sum(SHADOW.takes(request_id.encode()) for request_id in IDS)
    async with service(folder, shadow="wine:2=0.5") as client:
        assert await ask(client) == alone
        shadow = await when_compared(client, mirrored)
        metrics = (await client.get("/metrics")).text
    ours, theirs = expected("1", inputs.tolist()), expected("2", inputs.tolist())
    a, b = ours.argmax(axis=1), theirs.argmax(axis=1)
    differ = int(np.sum(a != b))
    assert shadow["rows"] == mirrored * rows
    assert shadow["disagreements"] == mirrored * differ > 0
    assert shadow["disagreement_share"] == pytest.approx(differ / rows)
    assert shadow["mean_absolute_difference"] == pytest.approx(np.abs(ours - theirs).mean())
    assert shadow["confusion"] == {
        f"class-{i}": {
            f"class-{j}": mirrored * int(np.sum((a == i) & (b == j))) for j in np.unique(b[a == i])
        }
        for i in np.unique(a)
    }
    assert (shadow["requests"], shadow["shed"], shadow["failed"]) == (mirrored, 0, 0)
    line = 'shadow_disagreements_total{default="1",model="wine",shadow="2"} '
    assert f"{line}{mirrored * differ}.0" in metrics


async def test_a_replaced_version_takes_its_shadows_thread_with_it(folder: Path) -> None:
    def threads() -> int:
        return sum(thread.name.startswith("shadow") for thread in threading.enumerate())

    before = threads()
    async with service(folder, shadow="wine:2") as client:
        for seed in range(3, 8):
            await version_of(client, "a")
            save_model(folder / "wine/2/model.pth", seed=seed)
            await client.post("/models/wine/load", headers=BEARER)
        await when_compared(client, 5)
        deadline = time.monotonic() + 20
        while threads() > before:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)


async def test_canary_and_shadow_stand_side_by_side(folder: Path) -> None:
    save_model(folder / "wine/3/model.pth", seed=3)
    async with service(folder, canary="wine:2=0.3", shadow="wine:3") as client:
        found = [await version_of(client, request_id) for request_id in IDS]
        assert found == list(map(chosen, IDS))
        # The shadow gets the requests that the default answers.
        shadow = await when_compared(client, found.count("1"))
        assert shadow["requests"] == shadow["rows"] == found.count("1")


async def test_each_default_has_its_own_comparison(folder: Path) -> None:
    save_model(folder / "wine/3/model.pth", seed=3)
    async with service(folder, shadow="wine:2", version_policy="all") as client:
        await version_of(client, "a")
        await when_compared(client, 1)
        await client.post("/models/wine/default?version=1", headers=BEARER)
        assert (await comparison(client))["shadow"]["rows"] == 0
        await client.post("/models/wine/default?version=2", headers=BEARER)
        assert await version_of(client, "a") == "2"
        assert (await comparison(client))["shadow"]["reason"] == (
            "version 2 of wine is the default itself"
        )


async def test_a_shadow_that_stops_being_comparable_is_left_alone(folder: Path) -> None:
    async with service(folder, shadow="wine:2") as client:
        module = Multiclass(n_features=2).eval()
        save_checkpoint(module.state_dict(), make_card(module), folder / "wine/2/model.pth")
        await client.post("/models/wine/load", headers=BEARER)
        assert await version_of(client, "a") == "1"
        assert (await comparison(client))["shadow"]["reason"] == (
            "its features are x0, x1; those of the default x0, x1, x2, x3"
        )


async def test_another_model_has_neither(folder: Path) -> None:
    save_model(folder / "other.pth", seed=5)
    async with service(folder, canary="wine:2=1", shadow="wine:2") as client:
        answer = await client.get("/models/other/comparison")
        assert answer.json() == {
            "name": "other",
            "default_version": "1",
            "canary": None,
            "shadow": None,
        }
        answer = await client.get("/models/wein/comparison")
        assert answer.status_code == 404
        assert answer.json()["detail"] == "no model 'wein'; did you mean wine?"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"canary": "wine:3=0.1"},
            "--canary (STATESERVE_CANARY): no version '3' of wine; known: 1, 2",
        ),
        ({"shadow": "wein:1"}, "--shadow (STATESERVE_SHADOW): no model 'wein'; did you mean wine?"),
        (
            {"canary": "wine:2=0.1", "shadow": "wine:1"},
            "--canary (STATESERVE_CANARY): no version of wine is loaded: only 1 and 2, as canary "
            "or shadow",
        ),
    ],
)
def test_a_version_that_cannot_take_part_stops_the_start(
    folder: Path, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError) as stopped:
        create_app(Settings(models=folder, model="wine", **settings))
    assert str(stopped.value) == message


def test_a_broken_canary_stops_the_start_and_says_why(folder: Path) -> None:
    (folder / "wine/2/model.pth").write_bytes(b"PK")
    with pytest.raises(
        SettingsError, match=r"STATESERVE_CANARY\): no version '2' .*a text, not a checkpoint"
    ):
        create_app(Settings(models=folder, model="wine", canary="wine:2=0.1"))
