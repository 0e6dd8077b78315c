"""The option --key of the commands that make or serve a model of a checkpoint of training."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from app.settings.settings import Settings
from stateserve.model.architectures.multiclass import Multiclass
from tests.app.cli.conftest import Run
from tests.service import open_client
from tests.user_code import lenet_state, write_code

NAMES = ("--features", "a,b,c,d", "--classes", "x,y,z")
ROW = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save(state: object, **more: object) -> None:
    torch.save({"epoch": 3, "model": {"best": state}, **more}, "training.pth")


@pytest.mark.anyio
async def test_a_state_in_a_checkpoint_is_named_and_served(run: Run, folder: Path) -> None:
    module = Multiclass().eval()
    save(module.state_dict(), optimizer=torch.optim.Adam(module.parameters()).state_dict())
    assert "for one in it: --key model/best" in str(run("card", "training.pth", *NAMES)[0])
    assert run("card", "training.pth", "--key", "model/best", *NAMES)[0] == 0
    settings = Settings(model=Path("training.pth"), state_key="model/best")
    async with open_client(settings) as client:
        answer = (await client.post("/predict", json=ROW)).json()
    options = [part for name, value in ROW.items() for part in (f"--{name}", value)]
    code, out = run("predict", "--model", "training.pth", "--key", "model/best", "--json", *options)
    assert (code, json.loads(out.splitlines()[0])["probabilities"]) == (0, answer["probabilities"])
    with torch.inference_mode():
        wanted = module(torch.tensor([list(ROW.values())])).exp()[0]
    np.testing.assert_allclose(list(answer["probabilities"].values()), wanted, rtol=1e-5)


def test_a_state_in_a_checkpoint_is_packed(run: Run, folder: Path) -> None:
    write_code(Path("nets.py"))
    save(lenet_state())
    np.save("x.npy", np.zeros((2, 1, 8, 8), np.float32))
    pack = ("pack", "nets.py:LeNet", "training.pth", "--example", "x.npy", "--output", "m/d/1")
    assert "every name begins with 'best.'" in str(run(*pack, "--key", "model")[0])
    code, out = run(*pack, "--key", "model/best", "--json")
    assert (code, json.loads(out)["state"]) == (0, "m/d/1/model.pth")
    written = torch.load("m/d/1/model.pth")
    assert {name: tensor.tolist() for name, tensor in written.items()} == {
        name: tensor.tolist() for name, tensor in lenet_state().items()
    }


def test_the_option_of_serve_is_for_one_model(run: Run, folder: Path) -> None:
    code, out = run("doctor", "--models", ".", "--key", "model", "--port", "0")
    assert (code, "--state-key (STATESERVE_STATE_KEY): it needs --model FILE" in out) == (1, True)
