"""The transcripts under docs/, run again: what they print is what the page says."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Process

PAGES = sorted(path for path in (ROOT / "docs").glob("*.md") if "```pycon" in path.read_text())
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
    text = page.read_text().replace("http://127.0.0.1:8000", server.url)
    names: dict[str, object] = {}
    blocks = BLOCK.findall(text)
    assert blocks
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
        program, *arguments = shlex.split(command)
        assert program == "app"
        result = subprocess.run(
            [sys.executable, "-m", program, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        assert "".join(f"{line.rstrip()}\n" for line in result.stdout.splitlines()) == expected
