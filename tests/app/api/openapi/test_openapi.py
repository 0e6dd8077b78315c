"""The OpenAPI document: made from the card, and valid for every endpoint (schemathesis)."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from app.settings.settings import Settings
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.checkpoint import save_checkpoint
from tests.checkpoints import make_card
from tests.process import Process
from tests.project import IRIS, ROOT
from tests.service import open_client


def test_every_endpoint_keeps_its_schema(server: Process, tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("schemathesis"), "--no-color"]
    command += ["--config-file", ROOT / "tests" / "schemathesis.toml", "run"]
    command += [f"{server.url}/openapi.json", "--max-examples", "10", "--seed", "1"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


async def test_the_request_schema_comes_from_the_card(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    card = json.loads(IRIS.with_suffix(".json").read_text())
    instance = document["components"]["schemas"]["Instance"]
    assert list(instance["properties"]) == [feature["name"] for feature in card["features"]]
    assert instance["required"] == list(instance["properties"])
    assert instance["properties"]["petal_width"]["description"] == "trained on 0.1 to 2.5 cm"
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        assert (await client.post("/predict", json=example["value"])).is_success


async def test_another_model_has_its_own_fields(write_model: Callable[..., Path]) -> None:
    path = write_model(module=Multiclass(2, 3, 4).eval())
    async with open_client(Settings(model=path)) as client:
        document = (await client.get("/openapi.json")).json()
        answer = await client.post("/predict", json={"x0": 0.5, "x1": -0.5})
    schemas = document["components"]["schemas"]
    assert list(schemas["Instance"]["properties"]) == ["x0", "x1"]
    assert schemas["Answer"]["properties"]["class"]["enum"] == list(answer.json()["probabilities"])


async def test_it_follows_the_default_model(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for version, size in (("1", 2), ("2", 3)):
        module = Multiclass(size, 3, 4).eval()
        save_checkpoint(module.state_dict(), make_card(module), folder / version / "model.pth")
    settings = Settings(models=tmp_path, model=Path("own"), admin_token="a-token-that-is-long")
    async with open_client(settings) as client:
        seen = []
        for version in ("1", "2", "1"):
            verb = {"params": {"version": version}}
            verb["headers"] = {"Authorization": "Bearer a-token-that-is-long"}
            assert (await client.post("/models/own/default", **verb)).is_success
            answer = await client.get("/openapi.json")
            document = answer.json()
            fields = document["components"]["schemas"]["Instance"]["properties"]
            example = document["paths"]["/predict"]["post"]["requestBody"]["content"]
            assert document["info"]["version"] == version
            assert list(example["application/json"]["examples"]["one"]["value"]) == list(fields)
            seen.append((len(fields), answer.headers["etag"]))
            known = {"If-None-Match": answer.headers["etag"]}
            assert (await client.get("/openapi.json", headers=known)).status_code == 304
        assert seen[0] == seen[2]
        assert [size for size, _ in seen] == [2, 3, 2]
        assert seen[0][1] != seen[1][1]
        unload = {"headers": verb["headers"]}
        assert (await client.post("/models/own/unload", **unload)).is_success
        assert (await client.get("/openapi.json")).json() == document
