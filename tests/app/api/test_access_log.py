"""A line of JSON for each request; the requests of a moment share one piece of work."""

import asyncio
import json
import logging
from collections.abc import Iterator

import pytest

from app.api.access_log import MOMENT_SECONDS, Access, AccessLog
from app.json_log import LINES
from app.metrics import Metrics


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
