"""Whether inputs fit a program: dtypes, lengths, and the conditions under which it was exported."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from stateserve.errors import UnreadableCheckpoint
from stateserve.model.architectures.exported_program.expressions import Expression
from stateserve.model.architectures.exported_program.leaf import Axis, Leaf

# torch.export writes up to 2 as the lowest length of an axis, and runs with 0 and 1 all the same.
LOWEST_CHECKED = 2
Given = Tensor | int | float


@dataclass(frozen=True)
class Range:
    """A bound on the value of an expression over lengths of axes."""

    expression: Expression
    lowest: int | None
    highest: int | None


class InputChecks:
    """Checks the inputs of each call, in the order of `inputs`, which includes constants."""

    def __init__(
        self, inputs: Sequence[Leaf], ranges: Iterable[Range], guards: Iterable[Expression]
    ) -> None:
        """Raises UnreadableCheckpoint for a guard on what is no input."""
        self._leaves = [leaf for leaf in inputs if not leaf.is_constant]
        axes = [axis for leaf in self._leaves for axis in leaf.axes]
        symbols = {name for axis in axes if isinstance(axis, Expression) for name in axis.symbols}
        self._ranges = [each for each in ranges if each.expression.symbols <= symbols]
        self._guards = list(guards)
        # Where the value of each symbol in a guard is: an input's place, and its axis.
        self._sources: dict[str, tuple[int, int | None]] = {}
        sources = dict(_sources(inputs))
        for symbol in {name for guard in self._guards for name in guard.symbols} - symbols:
            if symbol not in sources:
                raise UnreadableCheckpoint(f"guards: {symbol!r:.100} is no input of the program")
            self._sources[symbol] = sources[symbol]

    def require(self, given: Sequence[Given]) -> None:
        """Raises ValueError, one line that names the input and what is accepted."""
        known: dict[str, int] = {}
        derived: list[tuple[str, Expression, int]] = []
        for leaf, value in zip(self._leaves, given, strict=True):
            for place, axis, length in _lengths(leaf, value):
                if isinstance(axis, int):
                    if length != axis:
                        raise ValueError(f"{place} is {length}; the program accepts {axis}")
                elif axis.symbol is None:
                    derived.append((place, axis, length))
                elif known.setdefault(axis.symbol, length) != length:
                    raise ValueError(
                        f"{place} is {length}; the program accepts {known[axis.symbol]} beside "
                        "the other inputs"
                    )
        for place, axis, length in derived:
            _require_derived(place, axis, length, known)
        self._require_ranges(known)
        self._require_guards(known, given)

    def _require_ranges(self, known: Mapping[str, int]) -> None:
        for each in self._ranges:
            value = _value(each.expression, known)
            lowest = each.lowest if each.lowest and each.lowest > LOWEST_CHECKED else 0
            if (
                value is None
                or value < lowest
                or (each.highest is not None and value > each.highest)
            ):
                most = "" if each.highest is None else f" to {each.highest}"
                raise ValueError(
                    f"the length {each.expression.shown} of an axis is {value}; the program "
                    f"accepts {lowest}{most or ' and more'}"
                )

    def _require_guards(self, known: dict[str, int], given: Sequence[Given]) -> None:
        for symbol, (place, axis) in self._sources.items():
            value = given[place]
            known[symbol] = (
                value.shape[axis] if isinstance(value, Tensor) and axis is not None else int(value)
            )
        for guard in self._guards:
            if not _value(guard, known):
                raise ValueError(f"the program accepts only inputs with {guard.shown}")


def _lengths(leaf: Leaf, value: Given) -> Iterator[tuple[str, Axis, int]]:
    """Each axis of an input, or the number that it is, with the place for a message."""
    if leaf.dtype is None:
        if leaf.axes:
            yield leaf.name, leaf.axes[0], int(value)
        return
    if not isinstance(value, Tensor) or value.dtype != leaf.dtype:
        kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"{leaf.name} is {kind}; the program accepts {leaf.dtype}")
    if value.dim() != len(leaf.axes):
        shape, accepted = list(value.shape), list(leaf.spec.shape)
        raise ValueError(f"{leaf.name} has shape {shape}; the program accepts {accepted}")
    for index, (axis, length) in enumerate(zip(leaf.axes, value.shape, strict=True)):
        yield f"axis {index} of {leaf.name}", axis, length


def _require_derived(place: str, axis: Expression, length: int, known: dict[str, int]) -> None:
    """Check a length such as 2*s0 + 1; if s0 is not known yet, it follows from the length."""
    unknown = axis.symbols - known.keys()
    if len(unknown) == 1:
        (symbol,) = unknown
        start, next_one = (_value(axis, {**known, symbol: number}) for number in (0, 1))
        if start is None or next_one is None or next_one == start:
            return
        known[symbol] = int((length - start) // (next_one - start))
    if (wanted := _value(axis, known)) != length:
        raise ValueError(f"{place} is {length}; the program accepts {axis.shown}, here {wanted}")


def _value(expression: Expression, known: Mapping[str, int]) -> float | None:
    try:
        return expression.value(known)
    except (ArithmeticError, TypeError, ValueError, KeyError):
        return None


def _sources(inputs: Sequence[Leaf]) -> Iterator[tuple[str, tuple[int, int | None]]]:
    """What guards call the inputs: by name, by number, or as a part of `*args`."""
    place = 0
    for number, leaf in enumerate(inputs):
        if leaf.is_constant:
            continue
        names = [leaf.name, f"flat_args.{number}", re.sub(r"_(\d+)$", r".\1", leaf.name)]
        for name in names:
            if leaf.dtype is None:
                yield f"L.{name}", (place, None)
            for axis in range(len(leaf.axes)):
                yield f"L.{name}.size()[{axis}]", (place, axis)
        place += 1
