"""Many rows in several requests, each within the limits of the service, and their progress."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus

from stateserve.client.predictions import Progress
from stateserve.client.retries import Exchange, T
from stateserve.errors import Problem

# The service takes 32 MiB and a million rows by default; shorter bodies show progress.
CHUNK_BYTES = 4 * 2**20
CHUNK_ROWS = 100_000
_ROW = re.compile(r"^((?:/instances)?/)(\d+)(?=/|:|$)")


def in_chunks(
    total: int,
    bytes_per_row: float,
    send: Callable[[slice], Exchange[T]],
    progress: Progress | None = None,
) -> Exchange[list[T]]:
    """Send rows 0 to `total` in order; yields what `send` returns for each chunk.

    A chunk that the service refuses as too large (413) is sent again in halves. `progress` is
    called with the number of rows that are answered, and `total`. Raises Problem, whose faults
    name the rows of all chunks.
    """
    most = max(1, min(CHUNK_ROWS, int(CHUNK_BYTES / max(bytes_per_row, 1))))
    answers: list[T] = []
    start = 0
    while start < total or not answers:
        rows = slice(start, min(total, start + most))
        try:
            answers.append((yield from send(rows)))
        except Problem as problem:
            size = rows.stop - start
            if problem.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and size > 1:
                most = (size + 1) // 2
                continue
            raise (_shifted(problem, start) if start else problem) from None
        start = rows.stop
        if progress:
            progress(start, total)
    return answers


def _shifted(problem: Problem, start: int) -> Problem:
    """The same problem, whose rows are counted from the first of all chunks."""

    def shift(text: str) -> str:
        return _ROW.sub(lambda found: f"{found[1]}{int(found[2]) + start}", text)

    errors = [replace(fault, pointer=shift(fault.pointer)) for fault in problem.errors]
    detail = shift(problem.detail)
    return Problem(problem.url, problem.status, detail, errors, problem.request_id, problem.hint)


@contextmanager
def progress_of(wanted: Progress | bool) -> Iterator[Progress | None]:
    """The function to call with the rows done and their total: `wanted`, or one that draws a bar
    on standard error."""
    if not isinstance(wanted, bool):
        yield wanted
        return
    if not wanted:
        yield None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (*Bar.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("rows", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
