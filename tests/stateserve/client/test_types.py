"""The types of the client, as the type checker of another project sees them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import ROOT

PROGRAM = """
import asyncio

import numpy as np
import pandas as pd
import polars as pl
import torch

from stateserve import AsyncClient, Client

client = Client("http://127.0.0.1:8000", key="k")
reveal_type(client.predict({"a": 1.0}))
reveal_type(client.predict("seven.png"))
reveal_type(client.predict([{"a": 1.0}, {"a": 2.0}], top=3, version="2"))
reveal_type(client.predict(pd.DataFrame({"a": [1.0]}), progress=True))
reveal_type(client.predict(pl.DataFrame({"a": [1.0]})))
reveal_type(client.predict(np.ones((2, 4))).probabilities)
reveal_type(client.predict(torch.ones(2, 4)).probabilities)
reveal_type(client.explain({"a": 1.0}, method="saliency").score)
reveal_type(client.models().models[0].name)
client.predict([{"a": 1.0}], progress=lambda done, total: print(done, total))
client.predict({"a": 1.0}, tops=3)


async def ask() -> str | None:
    async with AsyncClient("http://127.0.0.1:8000") as client:
        return (await client.predict({"a": 1.0})).label


asyncio.run(ask())
"""
# pyright is where make test puts it.
FOLDERS = [Path(sys.executable).parent, ROOT / "tests/clients/openapi/node_modules/.bin"]
PROGRAMS = os.pathsep.join(map(str, FOLDERS))
REVEALED = [
    "Prediction",
    "Prediction",
    "PredictionList",
    "DataFrame",
    "DataFrame",
    "ndarray[",
    "Tensor | None",
    "float | None",
    "str",
]


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_checker_outside_of_the_project_sees_the_types(checker: str, tmp_path: Path) -> None:
    program = shutil.which(checker, path=PROGRAMS)
    if program is None:
        pytest.skip(f"{checker} is not installed")
    (tmp_path / "program.py").write_text(PROGRAM)
    # The cache of `make lint`: torch takes a minute.
    cache = ["--cache-dir", str(ROOT / ".mypy_cache")]
    options = {
        "mypy": ["--strict", "--config-file", str(ROOT / "pyproject.toml"), *cache],
        "pyright": ["--pythonpath", sys.executable],
    }
    result = subprocess.run(
        [program, *options[checker], "program.py"],
        cwd=tmp_path,
        # Checkers do not run the import hook of an editable installation.
        env=os.environ | {"PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )
    lines = result.stdout.splitlines()
    revealed = [line for line in lines if "Revealed type" in line or "information: Type of" in line]
    assert len(revealed) == len(REVEALED), result.stdout
    for line, wanted in zip(revealed, REVEALED, strict=True):
        assert wanted in line, line
    errors = [line for line in lines if ": error" in line or "- error" in line]
    assert errors, result.stdout
    place = 1 + PROGRAM.splitlines().index('client.predict({"a": 1.0}, tops=3)')
    assert all(f"program.py:{place}:" in line for line in errors), result.stdout
