"""The main path in Firefox: open, move a slider, read the answer, open the state, draw."""

import shutil
from pathlib import Path

import pytest
import torch

from stateserve import save_model
from tests.firefox import find_firefox, running_firefox
from tests.lenet import LeNet
from tests.process import running_server
from tests.project import IRIS


def test_a_slider_the_state_and_the_pad_work_in_firefox(tmp_path: Path) -> None:
    program = find_firefox()
    if program is None:
        pytest.skip("no Firefox is installed: apt-get install firefox-esr")
    torch.manual_seed(0)
    image = {"mode": "L", "resize": [8, 8]}
    digits = tmp_path / "models" / "digits" / "1"
    example = torch.linspace(0, 1, 8).repeat(3, 1, 8, 1)
    save_model(LeNet(), example, digits, classes=[*map(str, range(10))], image=image)
    iris = tmp_path / "models" / "iris" / "1"
    iris.mkdir(parents=True)
    for suffix in (".pth", ".json"):
        shutil.copy(IRIS.with_suffix(suffix), iris)
    arguments = ("--models", str(tmp_path / "models"), "--model", "iris", "--allow-code")
    (tmp_path / "profile").mkdir()
    with (
        running_server(tmp_path / "log", *arguments) as server,
        running_firefox(program, tmp_path / "profile") as firefox,
    ):
        firefox.open(server.url)
        firefox.wait_for("#verdict", "versicolor")
        firefox.drag("#feature-2", (0.5, 0.5), (0.05, 0.5))
        firefox.wait_for("#verdict", "setosa")
        firefox.wait_for("#attributions-sum", "The logit of setosa")
        firefox.drag("#tensors details:nth-of-type(2) button", (0.5, 0.5), (0.5, 0.5))
        firefox.wait_for("#tensor h3", "output.weight")
        firefox.wait_for("#tensor .histogram", "Data as a table")

        firefox.open(f"{server.url}/?model=digits&version=1")
        firefox.wait_for("#verdict .probability", "%")
        firefox.evaluate("document.getElementById('picture-clear').click()")
        firefox.wait_for("#verdict", "No answer")
        firefox.drag("#picture-pad", (0.5, 0.2), (0.5, 0.8))
        firefox.wait_for("#verdict .probability", "%")
        assert firefox.complaints == []
