"""The bytes of a compressed entry of a zip archive, inflated as they are read."""

import zlib

from stateserve.checkpoint.sources import Source, read, require_within
from stateserve.errors import UnreadableCheckpoint

PORTION_BYTES = 2**18


class Inflated:
    """`size` bytes once inflated. Reading goes forward; a read further back begins anew."""

    def __init__(self, source: Source, size: int) -> None:
        self._source, self.size = source, size
        self._begin()

    def _begin(self) -> None:
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._taken = self._at = 0
        self._waiting = b""

    def read_into(self, start: int, target: memoryview) -> None:
        require_within(self, start, len(target))
        if start < self._at:
            self._begin()
        while self._at < start:
            self._at += len(self._next(min(PORTION_BYTES, start - self._at)))
        filled = 0
        while filled < len(target):
            portion = self._next(min(PORTION_BYTES, len(target) - filled))
            target[filled : filled + len(portion)] = portion
            filled += len(portion)
            self._at += len(portion)

    def _next(self, most: int) -> bytes:
        """One to `most` bytes. Raises UnreadableCheckpoint."""
        portion = b""
        while not portion:
            if not self._waiting:
                count = min(PORTION_BYTES, self._source.size - self._taken)
                self._waiting = read(self._source, self._taken, count)
                self._taken += count
            if self._inflater.eof or not self._waiting:
                raise UnreadableCheckpoint("damaged: a compressed entry is cut short")
            try:
                portion = self._inflater.decompress(self._waiting, most)
            except zlib.error as error:
                raise UnreadableCheckpoint(f"damaged: {error}") from None
            self._waiting = self._inflater.unconsumed_tail
        return portion
