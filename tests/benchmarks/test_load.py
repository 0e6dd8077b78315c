"""The parser of wrk's report; and the echo server under a real load."""

import json
import shutil
from pathlib import Path

import pytest

from benchmarks import echo
from benchmarks.load import Load, LoadFailed, run_load
from benchmarks.request import Request
from benchmarks.server import free_port, running_server

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")

# The output of wrk 4.1.0 for a server that answers every 60th request with 503, drops every
# 9,000th connection, and keeps a few waiting beyond the timeout.
OUTPUT = """\
Running 2s test @ http://127.0.0.1:8765/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   435.38us    1.23ms  23.14ms   98.27%
    Req/Sec    87.74k     5.58k   96.68k    71.43%
  183113 requests in 2.10s, 7.03MB read
  Socket errors: connect 0, read 20, write 0, timeout 2
  Non-2xx or 3xx responses: 3032
Requests/sec:  87236.50
Transfer/sec:      3.35MB
{"requests": 183113, "microseconds": 2099041, "p50": 310, "p99": 3317, "bad_statuses": 3032, \
"connect_errors": 0, "read_errors": 20, "write_errors": 0, "timeouts": 2, "behind": 1500}
"""


def test_a_report_is_read_in_milliseconds() -> None:
    load = Load.parse(OUTPUT)
    assert (load.requests, load.seconds) == (183113, 2.099041)
    assert (load.p50_ms, load.p99_ms, load.behind_ms) == (0.31, 3.317, 1.5)


def test_only_good_answers_are_throughput_and_the_fault_counts_the_others() -> None:
    load = Load.parse(OUTPUT)
    assert load.throughput == pytest.approx((183113 - 3032) / 2.099041)
    assert load.fault == "3032 of 183113 answers not 2xx, 22 socket errors"


def test_output_without_a_report_is_an_error_that_quotes_it() -> None:
    with pytest.raises(LoadFailed, match="unable to connect"):
        Load.parse("unable to connect to 127.0.0.1:1 Connection refused\n")


@needs_wrk
def test_nothing_listening_is_an_error() -> None:
    with pytest.raises(LoadFailed, match="unable to connect"):
        run_load(Request(f"http://127.0.0.1:{free_port()}/"), connections=1, seconds=1)


@needs_wrk
def test_the_echo_answers_what_it_was_sent_and_a_load_on_it_has_no_fault(tmp_path: Path) -> None:
    port = free_port()
    body = json.dumps({"sepal_length": 5.1}).encode()
    request = Request(f"http://127.0.0.1:{port}/", body)
    with running_server(echo.command(port), request.send, log=tmp_path / "log"):
        assert request.send() == body
        load = run_load(request, connections=2, seconds=1)
    assert load.fault == ""
    assert load.requests > 0
    assert 0 < load.p50_ms <= load.p99_ms


@needs_wrk
def test_a_paced_load_is_as_large_as_asked_for(tmp_path: Path) -> None:
    port = free_port()
    request = Request(f"http://127.0.0.1:{port}/", b"{}")
    with running_server(echo.command(port), request.send, log=tmp_path / "log"):
        load = run_load(request, connections=20, seconds=2, rate=500)
    assert load.requests == pytest.approx(500 * load.seconds, rel=0.1)
