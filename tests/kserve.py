"""Runs KServe's clients in their own environment."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.project import ROOT
from tests.triton import LABELS, ROWS, expected

# make test puts it there: tests/kserve-client.txt.
PACKAGES = Path(sys.prefix) / "kserve-client"


def require_true_answers(program: str, address: str) -> None:
    """The output of a program in tests/clients, which calls the server at `address`."""
    assert PACKAGES.is_dir(), "make .venv/kserve-client"
    environment = os.environ | {"PYTHONPATH": str(PACKAGES)}
    path = ROOT / "tests" / "clients" / program
    command = [sys.executable, path, address, json.dumps(ROWS.tolist())]
    found = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=120)
    assert found.returncode == 0, found.stderr.decode()
    printed = json.loads(found.stdout)
    assert printed["live"] is printed["ready"] is printed["model ready"] is True
    assert "the one input; given: none" in printed["error"]
    assert len(printed["answers"]) == 2
    wanted = expected(ROWS)
    for answer in printed["answers"]:
        assert answer["id"] == "mine"
        probabilities = np.array(answer["probabilities"]).reshape(wanted.shape)
        np.testing.assert_allclose(probabilities, wanted, rtol=1e-5, atol=1e-7)
        assert answer["label"] == [label.decode() for label in LABELS]
