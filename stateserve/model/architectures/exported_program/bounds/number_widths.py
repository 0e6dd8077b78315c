"""A bound on the integers that a graph computes from lengths of axes.

They are Python integers: multiplied by themselves often enough, they would take all memory.
"""

from stateserve.errors import UnsafeCheckpoint
from stateserve.json_document import Json
from stateserve.model.architectures.exported_program.arguments import names_in

LENGTH_BITS = 63
MAX_BITS = 1024
MAX_EXPONENT = 8


class Widths:
    """How many bits each number may have."""

    def __init__(self) -> None:
        self._bits: dict[str, int] = {}

    def record(
        self, target: str, arguments: list[dict[str, Json]], result: Json, place: str
    ) -> None:
        """Raises UnsafeCheckpoint for a number that may have more than MAX_BITS bits."""
        bits = [self._of(argument) for argument in arguments]
        if target == "_operator.mul":
            width = sum(bits)
        elif target == "_operator.pow":
            width = bits[0] * self._exponent(arguments, place)
        else:
            width = max(bits, default=0) + 1
        if width > MAX_BITS:
            raise UnsafeCheckpoint(f"{place}: an integer of more than {MAX_BITS} bits")
        for name in names_in(result):
            self._bits[name] = width

    def _of(self, argument: dict[str, Json]) -> int:
        return max((self._bits.get(name, LENGTH_BITS) for name in names_in(argument)), default=64)

    def _exponent(self, arguments: list[dict[str, Json]], place: str) -> int:
        exponent = arguments[-1].get("as_int", arguments[-1].get("as_float"))
        if not isinstance(exponent, int | float) or not abs(exponent) <= MAX_EXPONENT:
            raise UnsafeCheckpoint(
                f"{place}: an exponent that is not a number up to {MAX_EXPONENT}"
            )
        return max(1, int(exponent))
