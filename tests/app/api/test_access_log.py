"""The log's lines stay whole where several workers write into one pipe."""

import asyncio
import json
import logging
import os
import select
import sys
from collections.abc import Iterator

import pytest

from app.api.access_log import MOMENT_SECONDS, Access, AccessLog
from app.metrics import Metrics


@pytest.fixture(autouse=True)
def log_everything() -> Iterator[None]:
    logger = logging.getLogger("app.access")
    before = logger.level
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(before)


async def writes_of_a_moment(monkeypatch: pytest.MonkeyPatch, lengths: list[int]) -> list[bytes]:
    """What each write(2) sent, for requests of such path lengths, all answered in one moment."""
    # With O_DIRECT a read brings what one write sent (or PIPE_BUF bytes of it) and no more.
    reader, writer = os.pipe2(os.O_DIRECT)
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        with os.fdopen(writer, "w") as stderr:
            monkeypatch.setattr(sys, "stderr", stderr)
            log = AccessLog(Metrics())
            for length in lengths:
                log.append(Access(b"id", "GET", "/" * length, "unmatched", 404, 0.001))
            await asyncio.sleep(2 * MOMENT_SECONDS)
        return list(iter(lambda: pipe.read(65536), b""))


def path_lengths(log: bytes) -> list[int]:
    return [len(json.loads(line)["path"]) for line in log.splitlines()]


async def test_a_write_is_whole_lines_and_no_longer_than_a_pipe_keeps_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lengths = [*range(1, 60), 3000, 3000, 1]
    writes = await writes_of_a_moment(monkeypatch, lengths)
    assert all(write.endswith(b"\n") for write in writes)
    assert path_lengths(b"".join(writes)) == lengths
    assert 1 < len(writes) < len(lengths) / 5


async def test_a_line_too_long_for_that_is_written_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = [1, select.PIPE_BUF, 1]
    first, *middle, last = await writes_of_a_moment(monkeypatch, lengths)
    assert path_lengths(first) == path_lengths(last) == [1]
    assert path_lengths(b"".join(middle)) == [select.PIPE_BUF]
