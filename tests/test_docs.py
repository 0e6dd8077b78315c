"""Runs the transcripts in README.md and docs/: the output must be that of the page.

`...` in a page stands for any text, as in doctest. `stateserve serve ... &` starts the page's
server for the commands after it.
"""

import doctest
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.process import Process, forked, running_server
from tests.project import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(pycon|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVE = re.compile(r"^\$ stateserve serve (.*) &\n", re.MULTILINE)
DEFAULT_ADDRESS = "127.0.0.1:8000"
RPC_PORT = "8001"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PATH: `stateserve` and `python -m training` as forks, and Python itself."""
    folder = tmp_path_factory.mktemp("bin")
    stateserve, training = (shlex.join(forked(each)) for each in ("stateserve", "training"))
    python = f'[ "$1 $2" = "-m training" ] && shift 2 && exec {training} "$@"\n'
    python += f'exec {shlex.quote(sys.executable)} "$@"'
    for name, script in (("stateserve", f'exec {stateserve} "$@"'), ("python", python)):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def folder(tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for a page's commands, with their input files."""
    for name in ("models", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    # As in a session of Python: a module of the folder can be imported.
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    before = set(sys.modules)
    yield tmp_path
    # Else another page that imports a module of this name would get it.
    for name in sys.modules.keys() - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_tells_the_truth(page: Path, server: Process, folder: Path) -> None:
    # The page's server is on the default port, the test's on a free one.
    url = server.url
    with socket.create_server(("127.0.0.1", 0)) as listener:
        rpc_port = str(listener.getsockname()[1])
    names: dict[str, object] = {}
    with ExitStack() as servers:
        for number, (language, block) in enumerate(BLOCK.findall(page.read_text())):
            block = block.replace(RPC_PORT, rpc_port)
            if match := SERVE.match(block):
                arguments = match[1].split()
                log = folder / f"serve-{number}.log"
                url = servers.enter_context(running_server(log, *arguments, cwd=folder)).url
                block = block[match.end() :]
            run = run_python if language == "pycon" else run_commands
            run(block.replace(DEFAULT_ADDRESS, url.removeprefix("http://")), names)


def run_python(block: str, names: dict[str, object]) -> None:
    test = doctest.DocTestParser().get_doctest(block, names, "page", None, None)
    report: list[str] = []
    # The next block uses the names of this one.
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
        )
        printed = "".join(f"{line.rstrip()}\n" for line in result.stdout.splitlines())
        same = doctest.OutputChecker().check_output(expected, printed, doctest.ELLIPSIS)
        assert same, f"{command}\n{printed}"
