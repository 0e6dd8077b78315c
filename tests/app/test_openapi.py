"""The OpenAPI document: from the card, and kept by every endpoint (schemathesis)."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from app.multiclass import Multiclass
from app.settings import Settings
from tests.conftest import IRIS, ROOT, Process, open_client


def test_every_endpoint_keeps_its_schema(server: Process, tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("schemathesis"), "--no-color"]
    command += ["--config-file", ROOT / "tests" / "schemathesis.toml", "run"]
    command += [f"{server.url}/openapi.json", "--max-examples", "25", "--seed", "1"]
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
