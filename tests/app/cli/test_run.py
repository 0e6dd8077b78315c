"""How commands end whose output cannot be written, or for which the limits do not suffice."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.project import IRIS, ROOT

STATESERVE = [
    sys.executable,
    "-c",
    "import sys; sys.argv[0] = 'stateserve'; from app.cli import main; main()",
]
INSPECT, DIFF = f"inspect {IRIS}", f"diff {IRIS} {IRIS}"
BAD_DESCRIPTOR = "stateserve: Bad file descriptor\n"


def run_in_shell(line: str, command: str) -> tuple[int, str]:
    """Its status and standard error; "$@" in the line stands for the command."""
    result = subprocess.run(
        ["sh", "-c", line, "sh", *STATESERVE, *command.split()],
        check=False,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    return result.returncode, result.stderr


@pytest.mark.parametrize("command", [DIFF, "--help", "inspect --help"])
def test_a_reader_that_stops_ends_a_command_silently(command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [*STATESERVE, *command.split()],
        check=False,
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert (result.returncode, result.stderr) == (-signal.SIGPIPE, "")


@pytest.mark.parametrize(
    ("line", "command", "ended"),
    [
        ('exec "$@" >&-', INSPECT, (1, BAD_DESCRIPTOR)),
        # Status 1 of `diff` says that the states differ.
        ('exec "$@" >&-', DIFF, (2, BAD_DESCRIPTOR)),
        ('exec "$@" >/dev/full', "--help", (1, "stateserve: No space left on device\n")),
    ],
)
def test_results_that_cannot_be_written_are_an_error(
    line: str, command: str, ended: tuple[int, str]
) -> None:
    assert run_in_shell(line, command) == ended


TORCH_NEEDS = "a process may map 585 MiB of memory (ulimit -v); torch needs 768, and the model"


@pytest.mark.parametrize(
    ("kib", "command", "reason"),
    [
        # Here torch's libraries would abort the process.
        (600_000, f"predict --model {IRIS} a.csv", TORCH_NEEDS),
        (600_000, "pack a.py:A --output a", TORCH_NEEDS),
        (600_000, "serve --port 0", "torch needs 1168, and the model its size"),
        (60_000, INSPECT, "; is there a limit of memory (ulimit -v)?"),
    ],
)
def test_too_little_memory_is_one_line(kib: int, command: str, reason: str) -> None:
    status, text = run_in_shell(f'ulimit -v {kib}; exec "$@"', command)
    assert (status, text.count("\n")) == (1, 1)
    assert reason in text


def test_too_few_open_files_for_the_workers_is_one_line() -> None:
    status, text = run_in_shell('ulimit -n 75; exec "$@"', "serve --workers 3 --port 0")
    assert status == 1
    message = "a process may open 75 files (ulimit -Hn); 3 worker(s) need 76"
    assert message in text
    assert text.count("\n") == 1


@pytest.mark.parametrize("arguments", ["--log-format text --port x", "--prot 1 --log-format=text"])
def test_a_refusal_of_settings_has_the_form_of_the_log(arguments: str) -> None:
    status, text = run_in_shell('exec "$@"', f"serve {arguments}")
    assert status == 2
    assert text.startswith("stateserve: ")
    assert text.count("\n") == 1


def test_a_variable_gives_the_form_of_a_refusal_and_an_option_overrides_it() -> None:
    line = 'STATESERVE_LOG_FORMAT=text STATESERVE_PORT=x exec "$@"'
    assert run_in_shell(line, "serve") == (
        2,
        "stateserve: STATESERVE_PORT 'x': needs a whole number from 0 to 65535\n",
    )
    status, text = run_in_shell(line, "serve --log-format json")
    assert (status, json.loads(text)["level"]) == (2, "CRITICAL")
