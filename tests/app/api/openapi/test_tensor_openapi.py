"""A model with any module keeps its OpenAPI document (schemathesis)."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import torch

from stateserve import save_model
from tests.process import running_server
from tests.project import ROOT

CODE = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 3)

    def forward(self, x, ids):
        return {"label": self.linear(x).softmax(1), "sum": ids.sum(1)}
"""


def test_predictions_keep_the_schema_of_the_signature(tmp_path: Path) -> None:
    nets = tmp_path / "nets.py"
    nets.write_text(CODE)
    spec = importlib.util.spec_from_file_location("nets_of_a_test", nets)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    inputs = {"x": torch.rand(3, 2), "ids": torch.ones(3, 4, dtype=torch.int64)}
    path = save_model(module.Net(), inputs, tmp_path / "net.pth", code=f"{nets}:Net")
    options = ("--model", str(path), "--allow-code")
    with running_server(tmp_path / "log", *options) as running:
        command = [Path(sys.executable).with_name("schemathesis"), "--no-color"]
        command += ["--config-file", ROOT / "tests" / "schemathesis.toml", "run"]
        command += [f"{running.url}/openapi.json", "--max-examples", "5", "--seed", "1"]
        command += ["--include-path", "/predict", "--phases", "examples,fuzzing"]
        result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
