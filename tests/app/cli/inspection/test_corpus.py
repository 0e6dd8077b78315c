"""`stateserve inspect` and `stateserve diff` on every file of the corpus."""

import argparse
import json
from pathlib import Path

import pytest
import torch

from tests.app.cli.conftest import Run
from tests.corpus.case import Readable
from tests.corpus.other_files import OTHER_FILES
from tests.corpus.tensor_files import TENSOR_FILES
from tests.corpus.torch_files import CONTAINERS


@pytest.mark.parametrize(
    "case", [*CONTAINERS, *TENSOR_FILES, *OTHER_FILES], ids=lambda case: case.file
)
def test_a_file_is_shown_and_equal_to_itself(run: Run, tmp_path: Path, case: Readable) -> None:
    path = tmp_path / case.file
    case.write(path)
    code, out = run("inspect", path)
    assert (code, out.splitlines()[0]) == (0, f"{path}: {case.format}")
    view = json.loads(run("inspect", path, "--json")[1])
    assert {each["key"]: each["kind"] for each in view["states"]} == dict(case.states)
    if case.chosen is None:
        assert out.splitlines()[-1].startswith("several states: choose one with --key")
        return
    assert view["key"] == case.chosen
    unread = len(view["unread"])
    code, out = run("diff", path, path)
    # Of some dtypes no values are read.
    assert (code, "identical" in out) == ((2, False) if unread else (0, True))


def test_a_file_without_a_state_is_listed_before_the_reason(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    torch.save({"epoch": 3, "losses": [0.5] * 9, "args": argparse.Namespace(lr=0.1)}, path)
    code, out = run("inspect", path)
    assert code == f"stateserve: {path}: holds a dict of 3; it holds no state_dict"
    assert out.splitlines()[1:] == [
        "  epoch: 3",
        f"  losses: [{'0.5, ' * 8}... 9 values]",
        "  args: argparse.Namespace()",
        "  args/lr: 0.1",
    ]
