"""The transcripts in README.md and docs/, run again: they print what the page says.

`...` in a page stands for any text, as in doctest.
"""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Process

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BIN = Path(sys.executable).parent
BLOCK = re.compile(r"^```(pycon|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for what a page writes, with what it reads."""
    for name in ("models", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_tells_the_truth(page: Path, server: Process, folder: Path) -> None:
    # The page's server is on the default port, the test's on a free one.
    text = page.read_text().replace("127.0.0.1:8000", server.url.removeprefix("http://"))
    names: dict[str, object] = {}
    blocks = BLOCK.findall(text)
    for language, block in blocks:
        run = run_python if language == "pycon" else run_commands
        run(block, names)


def run_python(block: str, names: dict[str, object]) -> None:
    test = doctest.DocTestParser().get_doctest(block, names, "page", None, None)
    report: list[str] = []
    # The next block goes on with the names of this one.
    result = doctest.DocTestRunner().run(test, out=report.append, clear_globs=False)
    names.update(test.globs)
    assert result.failed == 0, "".join(report)


def run_commands(block: str, names: dict[str, object]) -> None:
    for transcript in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = transcript.partition("\n")
        result = subprocess.run(
            ["bash", "-c", command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{BIN}:{os.environ['PATH']}"},
        )
        printed = "".join(f"{line.rstrip()}\n" for line in result.stdout.splitlines())
        same = doctest.OutputChecker().check_output(expected, printed, doctest.ELLIPSIS)
        assert same, f"{command}\n{printed}"
