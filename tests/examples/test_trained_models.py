"""Each example trains, saves and serves: the service gives the right answer to its request."""

import json
import re
import runpy
import sys
from pathlib import Path

import httpx
import pytest

from app.settings.settings import Settings
from tests.project import ROOT
from tests.service import open_client


@pytest.fixture
def example(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> tuple[Path, str]:
    """The folder that the example wrote, and what it printed."""
    script = ROOT / "examples" / request.param / "train.py"
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path)])
    # As for `python train.py`; each example has its own network.
    monkeypatch.syspath_prepend(str(script.parent))
    monkeypatch.delitem(sys.modules, "network", raising=False)
    runpy.run_path(str(script), run_name="__main__")
    return tmp_path, capsys.readouterr().out


def settings_of(folder: Path, printed: str) -> Settings:
    """Those of the printed command."""
    (command,) = re.findall(r"stateserve serve --models (\S+) --model (\S+) --allow-code", printed)
    assert Path(command[0]) == folder / "models"
    return Settings(models=command[0], model=command[1], allow_code=True)


def figure(printed: str) -> float:
    return float(re.findall(r"(?:accuracy|R2) on .*: (\S+)", printed)[0])


async def post_printed(folder: Path, printed: str) -> httpx.Response:
    """The answer to the printed request."""
    (body,) = re.findall(r"curl --json '(.*)'", printed)
    async with open_client(settings_of(folder, printed)) as client:
        return await client.post("/predict", json=json.loads(body))


@pytest.mark.parametrize("example", ["digits"], indirect=True)
async def test_digits_answers_a_png(example: tuple[Path, str]) -> None:
    folder, printed = example
    assert figure(printed) >= 0.97
    assert "features.1.running_mean" in printed
    (picture,) = folder.glob("*.png")
    async with open_client(settings_of(folder, printed)) as client:
        headers = {"Content-Type": "image/png"}
        answer = await client.post("/predict?top=3", content=picture.read_bytes(), headers=headers)
        layers = (await client.get("/model")).json()["layers"]
    assert answer.status_code == 200
    found = answer.json()
    assert found["class"] == picture.stem.removeprefix("a-")
    assert len(found["probabilities"]) == 3
    assert "BatchNorm2d" in {layer["type"] for layer in layers}


@pytest.mark.parametrize("example", ["regression"], indirect=True)
async def test_regression_answers_a_number(example: tuple[Path, str]) -> None:
    folder, printed = example
    # Predicting the mean has 0; a linear regression has 0.39 on this split.
    assert figure(printed) > 0.3
    answer = await post_printed(folder, printed)
    assert answer.status_code == 200
    assert 25 < answer.json()["outputs"]["progression"] < 346


@pytest.mark.parametrize("example", ["two_inputs"], indirect=True)
async def test_two_inputs_of_different_dtypes(example: tuple[Path, str]) -> None:
    folder, printed = example
    assert figure(printed) > 0.85
    answer = await post_printed(folder, printed)
    assert answer.status_code == 200
    same, other = (each["outputs"] for each in answer.json()["predictions"])
    assert same["score"] > 0.5 > other["score"]
    assert same["user"] == other["user"]


@pytest.mark.parametrize("example", ["text"], indirect=True)
async def test_text_of_different_lengths(example: tuple[Path, str]) -> None:
    folder, printed = example
    assert figure(printed) > 0.95
    (body,) = re.findall(r"curl --json '(.*)'", printed)
    denied = json.loads(body)["ids"]
    # Without "not very".
    plain = denied[:3] + denied[5:]
    instances = {"instances": [{"ids": denied}, {"ids": plain}, {"ids": denied}]}
    async with open_client(settings_of(folder, printed)) as client:
        answer = await client.post("/predict", json=instances)
    assert answer.status_code == 200
    assert [each["class"] for each in answer.json()["predictions"]] == ["bad", "good", "bad"]
