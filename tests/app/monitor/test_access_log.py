"""A JSON line for each request; requests within a few milliseconds share one write."""

import asyncio
import json
import logging
from collections.abc import Iterator

import pytest

from app.monitor.access_log import MOMENT_SECONDS, Access, AccessLog
from app.monitor.json_log import LINES
from app.monitor.metrics import Metrics


@pytest.fixture(autouse=True)
def log_everything() -> Iterator[None]:
    logger = logging.getLogger("app.access")
    before = logger.level
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(before)


async def test_every_request_has_its_line_in_order(capfd: pytest.CaptureFixture[str]) -> None:
    log = AccessLog(Metrics())
    lengths = [*range(1, 60), 3000, 3000, 1]
    for length in lengths:
        log.append(Access(b"id", "GET", "/" * length, "unmatched", 404, 0.001))
    await asyncio.sleep(2 * MOMENT_SECONDS)
    log.flush()
    LINES.flush()
    records = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [len(record["path"]) for record in records] == lengths
    assert {record["request_id"] for record in records} == {"id"}


def lines_of(capfd: pytest.CaptureFixture[str], *accesses: Access) -> list[tuple[str, str]]:
    log = AccessLog(Metrics())
    for access in accesses:
        log.append(access)
    log.flush()
    LINES.flush()
    records = map(json.loads, capfd.readouterr().err.splitlines())
    return [(record["path"], record["level"]) for record in records]


WELL = [
    Access(b"id", "GET", path, path, 200, 0.001)
    for path in ("/health/live", "/health/ready", "/metrics", "/v2/health/ready")
]
ILL = Access(b"id", "GET", "/health/ready", "/health/ready", 503, 0.001)


async def test_a_probe_that_was_answered_well_is_for_debugging(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert lines_of(capfd, *WELL, ILL) == [("/health/ready", "INFO")]
    logging.getLogger("app.access").setLevel(logging.DEBUG)
    assert lines_of(capfd, *WELL) == [(access.path, "DEBUG") for access in WELL]
