"""Bars of a histogram in the terminal: eighths of a block, or # where it has no such characters."""

import sys
from collections.abc import Iterator

from app.cli.output import short
from stateserve.inspect import Histogram

WIDTH = 50
EIGHTHS = " ▏▎▍▌▋▊▉█"


def bars(histogram: Histogram, encoding: str | None = None) -> Iterator[str]:
    """A line for each bin: its lower and upper edge, a bar, and the count of elements."""
    unicode = _can_encode(encoding or sys.stdout.encoding or "ascii")
    most = max(1, *histogram.counts)
    edges = [short(edge) for edge in histogram.edges]
    wide = max(map(len, edges))
    for low, high, count in zip(edges, edges[1:], histogram.counts, strict=False):
        bar = _bar(count, most, unicode=unicode)
        yield f"{low:>{wide}} to {high:>{wide}}  {bar:{WIDTH}}  {count}"


def _bar(count: int, most: int, *, unicode: bool) -> str:
    if not unicode:
        # A bin that is not empty is never without a mark.
        return "#" * (round(count / most * WIDTH) or (count > 0))
    eighths = round(count / most * WIDTH * 8) or (count > 0)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _can_encode(encoding: str) -> bool:
    try:
        EIGHTHS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
