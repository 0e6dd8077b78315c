"""Bytes of a file that tensors are views of."""

import zlib
from dataclasses import dataclass, field

from stateserve.checkpoint.sources import Source
from stateserve.errors import UnreadableCheckpoint

PORTION_BYTES = 2**20


@dataclass(eq=False)
class Storage:
    """Bytes of a file; the same object for tensors that share memory.

    `crc` is the checksum of all bytes, where the file has one. It is verified when all have been
    read in their order, in any number of parts.
    """

    source: Source
    dtype: str | None = None
    big_endian: bool = False
    crc: int | None = None
    _verified: bool = field(default=False, init=False)
    # The checksum of the first bytes, and their number.
    _sum: int = field(default=0, init=False)
    _summed: int = field(default=0, init=False)

    @property
    def nbytes(self) -> int:
        return self.source.size

    def read_into(self, start: int, target: memoryview) -> None:
        """Raises UnreadableCheckpoint, also if the last bytes show that the checksum is wrong."""
        for begin in range(0, len(target), PORTION_BYTES):
            portion = target[begin : begin + PORTION_BYTES]
            self.source.read_into(start + begin, portion)
            self._add(start + begin, portion)

    def verify(self) -> None:
        """Read all bytes once, unless that is done. Raises UnreadableCheckpoint."""
        if self.crc is None or self._verified:
            return
        buffer = memoryview(bytearray(min(PORTION_BYTES, self.nbytes)))
        self._sum = self._summed = 0
        for start in range(0, self.nbytes, PORTION_BYTES):
            self.read_into(start, buffer[: self.nbytes - start])
        self._require_crc()

    def _add(self, start: int, portion: memoryview) -> None:
        if self.crc is None or self._verified:
            return
        if start == 0:
            self._sum = self._summed = 0
        if start != self._summed:
            return
        self._sum = zlib.crc32(portion, self._sum)
        self._summed += len(portion)
        if self._summed == self.nbytes:
            self._require_crc()

    def _require_crc(self) -> None:
        if self._sum != self.crc:
            raise UnreadableCheckpoint("damaged: Bad CRC-32 of a tensor's bytes")
        self._verified = True
