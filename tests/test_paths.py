"""Each path that a document names exists."""

import re
from pathlib import Path

import pytest

from tests.project import ROOT

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
TOPS = (
    "app",
    "benchmarks",
    "deploy",
    "docs",
    "examples",
    "models",
    "stateserve",
    "tests",
    "training",
)
# NAME and the like stand for other text, and ::test_... is checked with its table.
PATH = re.compile(rf"`((?:{'|'.join(TOPS)})/[a-z0-9_./-]*)`")
FILE = re.compile(r"`(\w+\.py)`")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_document_names_exists(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    named = {ROOT / path for path in PATH.findall(text)}
    linked = {page.parent / path for path in LINK.findall(text)}
    assert not [str(path) for path in sorted(named | linked) if not path.exists()]
    for name in FILE.findall(text):
        assert any(next((ROOT / top).rglob(name), None) for top in TOPS), name
