"""The comparison's table: ratios within a round, and a row for each server that failed."""

import csv
import io

import pytest

from benchmarks.load import Load
from benchmarks.peers.contender import Contender
from benchmarks.peers.contenders import CONTENDERS, ECHO, OURS
from benchmarks.peers.lenet_contenders import CONTENDERS as LENET_CONTENDERS
from benchmarks.peers.measurement import Measurement
from benchmarks.peers.results import Results
from benchmarks.server import ServerFailed


def measured(name: str, round: int, requests: int, bad_statuses: int = 0) -> Measurement:
    load = Load(requests, 1.0, 1.0, 2.0, bad_statuses, socket_errors=0)
    return Measurement(name, round, 32, load, start_seconds=1.5, pss_bytes=2**20)


def two_rounds() -> Results:
    results = Results([ECHO, OURS], rounds=2, seconds=1)
    results.measurements += [measured("echo", 1, 1000), measured(OURS.name, 1, 600)]
    results.measurements += [measured("echo", 2, 500), measured(OURS.name, 2, 400)]
    return results


def test_a_ratio_is_to_the_echo_of_the_same_round() -> None:
    assert two_rounds().ratios(OURS.name, 32) == [0.6, 0.8]


def test_the_table_has_the_median_and_the_spread() -> None:
    (row,) = [line for line in two_rounds().markdown().splitlines() if "500 (400 to 600)" in line]
    assert "| 0.700 (0.600 to 0.800) |" in row


def test_a_contender_that_failed_has_a_row_with_its_error() -> None:
    results = two_rounds()
    results.fail(OURS.name, "round 2: ended with status 1:\nno such model")
    row = [line for line in results.markdown().splitlines() if line.startswith(f"| {OURS.name} |")]
    assert "failed: round 2: ended with status 1: no such model" in row[0]
    assert list(csv.DictReader(io.StringIO(results.csv())))[-1]["fault"].endswith("no such model")


def test_a_load_with_errors_is_named_in_the_table() -> None:
    results = two_rounds()
    results.measurements.append(measured(OURS.name, 3, 100, bad_statuses=40))
    assert "round 3: 40 of 100 answers not 2xx" in results.markdown()


def test_the_plot_is_a_png() -> None:
    # Imported here: matplotlib takes a second, in each process that collects the tests.
    from benchmarks.peers.plot import draw_ratios

    assert draw_ratios({"echo": [1.0, 1.0], "other": [0.6, 0.8]}).startswith(b"\x89PNG")


@pytest.mark.parametrize("contender", [*CONTENDERS, *LENET_CONTENDERS], ids=lambda c: str(c.name))
@pytest.mark.parametrize("answer", [b"[]", b"{}", b"<html>", b'{"class": "virginica"}', b""])
def test_an_answer_without_the_right_class_is_refused(contender: Contender, answer: bytes) -> None:
    with pytest.raises(ServerFailed, match=f"not {contender.right}"):
        contender.require_right_answer(answer)
