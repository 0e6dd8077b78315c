"""Log lines: in order, whole, and without blocking the caller."""

import fcntl
import os
import select
import threading
from collections.abc import Iterator

import pytest

from app.monitor.line_writer import LineWriter

Pipe = tuple[int, int]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """The smallest possible pipe. With O_DIRECT a read returns exactly one write."""
    reader, writer = os.pipe2(os.O_DIRECT)
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, select.PIPE_BUF)
    yield reader, writer
    os.close(reader)
    # The other end stays open: the thread runs as long as the process.


def report(dropped: int) -> bytes:
    return b"dropped %d\n" % dropped


def lines_of(length: int, *numbers: int) -> bytes:
    return b"".join(b"%0*d\n" % (length - 1, number) for number in numbers)


def read_until(reader: int, last: bytes) -> list[bytes]:
    """The content of each write, until one ends with `last`."""
    found = [os.read(reader, 65536)]
    while not found[-1].endswith(last):
        found.append(os.read(reader, 65536))
    return found


@pytest.mark.parametrize("threaded", [False, True])
def test_lines_are_written_in_order_and_whole(pipe: Pipe, threaded: bool) -> None:
    reader, descriptor = pipe
    writer = LineWriter(descriptor, report)
    numbers = range(1, 1000)
    lines = b"".join(b"%d " % number + b"x" * (number % 300) + b"\n" for number in numbers)
    if threaded:
        writer.start()
    for line in lines.splitlines(keepends=True):
        writer.put(line)
    if not threaded:
        flushing = threading.Thread(target=writer.flush)
        flushing.start()
    writes = read_until(reader, lines[-300:])
    assert b"".join(writes) == lines
    assert all(write.endswith(b"\n") for write in writes)
    assert len(writes) < len(numbers) / 5


def test_a_line_too_long_for_one_write_arrives_whole(pipe: Pipe) -> None:
    reader, descriptor = pipe
    writer = LineWriter(descriptor, report)
    writer.start()
    long = b"x" * (3 * select.PIPE_BUF) + b"\n"
    writer.put(b"before\n" + long + b"after\n")
    first, *rest = read_until(reader, b"after\n")
    assert first == b"before\n"
    assert b"".join(rest) == long + b"after\n"


@pytest.mark.parametrize("threaded", [False, True])
def test_a_reader_that_stands_still_is_not_waited_for(pipe: Pipe, threaded: bool) -> None:
    reader, descriptor = pipe
    counted: list[int] = []
    writer = LineWriter(descriptor, report, max_waiting_bytes=10_000)
    writer.count = counted.append
    if threaded:
        writer.start()
    for number in range(1000):
        writer.put(lines_of(100, number))
    writer.flush()
    dropped = sum(counted)
    # One page was read, one page is in the pipe, and the rest waited.
    assert 1000 - 3 * 50 <= dropped < 1000 - 50
    writes = []
    while not writes or b"last\n" not in writes[-1]:
        if select.select([reader], [], [], 0.05)[0]:
            writes.append(os.read(reader, 65536))
        else:
            writer.put(b"last\n")
    text = b"".join(writes)
    kept = [int(line) for line in text.splitlines() if line.isdigit()]
    assert kept == list(range(len(kept)))
    said = [line for line in text.splitlines() if line.startswith(b"dropped ")]
    # After all lines that were kept, and before later lines.
    assert said == [b"dropped %d" % sum(counted)]
    assert text.index(b"dropped ") == 100 * len(kept)
