"""The OpenAPI document: made from the card, and valid for every endpoint (schemathesis)."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from app.api.auth.keys import Scope, new_key
from app.settings.settings import Settings
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.checkpoint import save_checkpoint
from tests.checkpoints import make_card
from tests.process import running_server
from tests.project import IRIS, ROOT
from tests.service import open_client


def test_every_endpoint_keeps_its_schema(tmp_path: Path) -> None:
    """With a prediction log and keys: none may answer without a key, nor with an invented one."""
    # All operations but the admin verbs.
    scopes = [scope for scope in Scope if scope != Scope.ADMIN]
    key, entry = new_key("most", scopes, None)
    (tmp_path / "keys.toml").write_text(entry)
    options = ["--api-keys", str(tmp_path / "keys.toml")]
    options += ["--prediction-log", f"sqlite:///{tmp_path}/log.db"]
    with running_server(tmp_path / "log", *options) as server:
        command = [Path(sys.executable).with_name("schemathesis"), "--no-color"]
        command += ["--config-file", ROOT / "tests" / "schemathesis.toml", "run"]
        command += [f"{server.url}/openapi.json", "--max-examples", "4", "--seed", "1"]
        command += ["--request-timeout", "60", "--header", f"Authorization: Bearer {key}"]
        result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert server.stop() == 0
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
