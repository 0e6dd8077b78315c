"""Runs examples/notebook.ipynb: the outputs that it shows are those of today."""

import copy

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.process import HANG_SECONDS, Process
from tests.project import ROOT

PATH = ROOT / "examples" / "notebook.ipynb"


# Those of Jupyter's packages.
@pytest.mark.filterwarnings("ignore")
def test_the_notebook_shows_what_it_computes(
    server: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATESERVE_URL", server.url)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    stored = nbformat.read(PATH, as_version=4)
    run = copy.deepcopy(stored)
    place = {"metadata": {"path": str(PATH.parent)}}
    NotebookClient(run, timeout=HANG_SECONDS, resources=place).execute()
    assert [shown(cell) for cell in run.cells] == [shown(cell) for cell in stored.cells]


def shown(cell: NotebookNode) -> list[str]:
    """The outputs of a cell as a person sees them, without pictures."""
    found = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        found.append(output.get("text") or data.get("text/html") or data.get("text/plain"))
    return found
