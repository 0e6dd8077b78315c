"""The soak test's verdict on windows of a good and a bad service, and a short run."""

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.load import Load
from benchmarks.soak import Window, faults, growth
from tests.project import ROOT


def window(
    end: float,
    mib: float = 100,
    p50_ms: float = 1,
    p99_ms: float = 5,
    bad_statuses: int = 0,
    intended_rate: float = 100,
) -> Window:
    load = Load(1000, 10, p50_ms, p99_ms, bad_statuses, socket_errors=0)
    return Window(end, load, int(mib * 2**20), intended_rate)


def test_an_even_run_has_no_fault() -> None:
    windows = [window(10 * number, mib=100 + number % 2) for number in range(60)]
    assert faults(windows) == []
    assert growth(windows) == {"memory": 1, "p50": 1, "p99": 1}


def test_one_odd_window_is_no_growth() -> None:
    windows = [window(10 * number) for number in range(59)]
    assert faults([*windows, window(600, mib=500, p50_ms=50, p99_ms=900)]) == []


def test_a_leak_a_growing_queue_and_an_error_are_faults() -> None:
    leaking = [window(10 * number, mib=100 + number) for number in range(60)]
    assert faults(leaking) == ["memory grew to 1.37 times the first third's; at most 1.05"]
    slowing = [window(10 * n, p50_ms=1 + n, p99_ms=5 + n) for n in range(60)]
    assert [fault.split()[0] for fault in faults(slowing)] == ["p50", "p99"]
    failing = [window(10), window(20, bad_statuses=3), window(30)]
    assert faults(failing) == ["until 20 s: 3 of 1000 answers not 2xx"]


def test_a_load_that_is_not_the_intended_one_is_a_fault() -> None:
    windows = [window(10), window(20, intended_rate=120), window(30, intended_rate=101)]
    assert faults(windows) == ["until 20 s: 100 requests a second; 120 were intended"]


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_a_short_soak_asks_for_its_share_and_writes_its_windows(tmp_path: Path) -> None:
    output = tmp_path / "soak.csv"
    command = [sys.executable, "-m", "benchmarks.soak", "--minutes", "0.05", "--window", "1"]
    command += ["--share", "0.1", "--output", str(output)]
    # The status also depends on the machine, which other tests share.
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert "last third to first: memory" in result.stdout, result.stdout + result.stderr
    with output.open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["seconds"]) >= 3
    for row in rows:
        assert int(row["requests"]) > 0
        assert (row["bad_statuses"], row["socket_errors"]) == ("0", "0")
