"""Many models over HTTP: list, predict by name and version, compare, load and roll back."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

from app.settings.settings import Settings
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.checkpoint import save_checkpoint
from tests.checkpoints import make_card
from tests.service import open_client

TOKEN = "a-token-that-is-long"
ADMIN = {"Authorization": f"Bearer {TOKEN}"}
FLOWER = {"x0": 0.5, "x1": -1.0, "x2": 0.25, "x3": 1.0}


def write(folder: Path, seed: int) -> Multiclass:
    torch.manual_seed(seed)
    module = Multiclass().eval()
    save_checkpoint(module.state_dict(), make_card(module), folder / "model.pth")
    return module


def probabilities(module: Multiclass) -> np.ndarray:
    with torch.inference_mode():
        return module(torch.tensor([list(FLOWER.values())])).exp().numpy()[0]


@pytest.fixture
async def modules(tmp_path: Path) -> dict[str, Multiclass]:
    return {version: write(tmp_path / "toy" / version, int(version)) for version in ("1", "2")}


@pytest.fixture
async def toys(modules: dict[str, Multiclass], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        models=tmp_path, model="toy", version_policy="all", admin_token=TOKEN, hot_reload=False
    )
    async with open_client(settings) as client:
        yield client


async def answer(client: httpx.AsyncClient, path: str) -> tuple[str, np.ndarray]:
    found = (await client.post(path, json=FLOWER)).json()
    return found["model"]["version"], np.array(list(found["probabilities"].values()))


async def test_models_are_listed(toys: httpx.AsyncClient) -> None:
    listing = (await toys.get("/models")).json()
    ready = [{"version": v, "state": "READY", "reason": None} for v in ("1", "2")]
    toy = {"name": "toy", "default_version": "2", "versions": ready}
    assert listing == {"default": "toy", "models": [toy], "not_served": []}
    assert (await toys.get("/models/toy")).json() == toy


async def test_each_version_answers_for_itself(
    toys: httpx.AsyncClient, modules: dict[str, Multiclass]
) -> None:
    places = {
        "/predict": "2",
        "/models/toy/predict": "2",
        "/models/toy/versions/1/predict": "1",
        "/models/toy/versions/2/predict": "2",
    }
    for path, version in places.items():
        found, values = await answer(toys, path)
        assert found == version, path
        np.testing.assert_allclose(values, probabilities(modules[version]), rtol=1e-5)
    state = (await toys.get("/models/toy/versions/1/state/hidden.bias")).json()
    np.testing.assert_allclose(state["values"], modules["1"].hidden.bias.tolist())
    assert (await toys.get("/models/toy/versions/1/model")).json()["version"] == "1"


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/models/tyo", "toy"),
        ("/models/tyo/state", "toy"),
        ("/models/toy/versions/3/state", "1, 2"),
        ("/models/toy/diff?from=1&to=3", "1, 2"),
    ],
)
async def test_unknown_names_and_versions_are_404(
    toys: httpx.AsyncClient, path: str, detail: str
) -> None:
    response = await toys.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert detail in response.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/predict",
        "/model",
        "/model/example",
        "/state",
        "/state.pth",
        "/models",
        "/models/toy",
        "/models/toy/versions/1/state",
        "/v2/models/toy",
        "/v2/models/toy/ready",
        "/v2/models/toy/infer",
        "/v2/models/stats",
    ],
)
@pytest.mark.parametrize("query", ["version=1", "version=x", "version=", "model=wide"])
async def test_a_version_in_the_query_is_not_the_default(
    toys: httpx.AsyncClient, path: str, query: str
) -> None:
    post = path.endswith(("predict", "infer"))
    response = await toys.request("POST" if post else "GET", f"{path}?{query}", json=FLOWER)
    assert response.status_code == (400 if path.startswith("/v2") else 422)
    assert "/models/NAME/versions/VERSION" in response.text


async def test_an_empty_version_is_not_the_default(toys: httpx.AsyncClient) -> None:
    for query, field in (("from=&to=2", "from"), ("from=1&to=", "to")):
        response = await toys.get(f"/models/toy/diff?{query}")
        assert response.status_code == 422
        assert field in response.text


async def test_versions_are_compared(
    toys: httpx.AsyncClient, modules: dict[str, Multiclass]
) -> None:
    diff = (await toys.get("/models/toy/diff?from=1&to=2")).json()
    first, second = (modules[version].output.weight.detach() for version in ("1", "2"))
    found = next(each for each in diff["differences"] if each["name"] == "output.weight")
    assert not diff["identical"]
    assert found["max_absolute"] == pytest.approx(float((second - first).abs().max()))
    assert (await toys.get("/models/toy/diff?from=1&to=1")).json()["identical"]


async def test_a_rollback_and_back(toys: httpx.AsyncClient) -> None:
    listing = await toys.post("/models/toy/default?version=1", headers=ADMIN)
    assert listing.json()["default_version"] == "1"
    assert (await answer(toys, "/predict"))[0] == "1"
    await toys.post("/models/toy/default?version=2", headers=ADMIN)
    assert (await answer(toys, "/predict"))[0] == "2"


async def test_load_and_unload(toys: httpx.AsyncClient, tmp_path: Path) -> None:
    write(tmp_path / "toy" / "3", 3)
    assert (await toys.post("/models/toy/load", headers=ADMIN)).is_success
    assert (await answer(toys, "/predict"))[0] == "3"
    await toys.post("/models/toy/unload?version=3", headers=ADMIN)
    assert (await answer(toys, "/predict"))[0] == "2"
    await toys.post("/models/toy/unload", headers=ADMIN)
    assert (await toys.post("/predict", json=FLOWER)).status_code == 503
    assert (await toys.get("/health/ready")).status_code == 503


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        ("unload?versoin=1", b"", "versoin: no such parameter; did you mean 'version'?"),
        ("unload?version=1&version=2", b"", "'version': given twice; each parameter is taken once"),
        ("unload", b'{"version": "1"}', "a body; the version is given in the query: ?version=1"),
        ("load", b"version=1", "a body; the version is given in the query: ?version=1"),
        ("default?version=1", b"[2]", "a body; the version is given in the query: ?version=1"),
    ],
)
async def test_a_version_that_is_not_understood_is_not_every_version(
    toys: httpx.AsyncClient, path: str, body: bytes, detail: str
) -> None:
    before = (await toys.get("/models/toy")).json()
    answer = await toys.post(f"/models/toy/{path}", content=body, headers=ADMIN)
    assert (answer.status_code, answer.json()["detail"]) == (422, detail)
    assert (await toys.get("/models/toy")).json() == before


async def test_a_bad_file_leaves_the_old_one_serving(
    toys: httpx.AsyncClient, tmp_path: Path
) -> None:
    write(tmp_path / "toy" / "3", 3)
    (tmp_path / "toy" / "3" / "model.pth").write_bytes(b"not a checkpoint")
    response = await toys.post("/models/toy/load", headers=ADMIN)
    assert response.status_code == 409
    assert "a text, not a checkpoint" in response.json()["detail"]
    assert (await answer(toys, "/predict"))[0] == "2"
    refused = (await toys.get("/models/toy")).json()["versions"][2]
    assert (refused["version"], refused["state"]) == ("3", "UNAVAILABLE")
    assert "a text, not a checkpoint" in refused["reason"]
    metrics = (await toys.get("/metrics")).text
    assert 'model_reloads_total{model="toy",result="refused"} 1.0' in metrics


@pytest.mark.parametrize("value", [None, "Bearer wrong", f"Basic {TOKEN}", "Bearer \xe9", TOKEN])
async def test_no_verb_without_the_token(toys: httpx.AsyncClient, value: str | None) -> None:
    headers = {"Authorization": value.encode("latin-1")} if value else {}
    response = await toys.post("/models/toy/unload", headers=headers)
    assert response.status_code == 401
    a_key = value is not None and value.startswith("Bearer ")
    challenge = 'Bearer error="invalid_token"' if a_key else "Bearer"
    assert response.headers["www-authenticate"] == challenge
    assert (await answer(toys, "/predict"))[0] == "2"


async def test_without_a_token_there_are_no_verbs(client: httpx.AsyncClient) -> None:
    assert (await client.post("/models/iris-model/load", headers=ADMIN)).status_code == 404
    assert "/models/{model}/load" not in json.dumps((await client.get("/openapi.json")).json())
