"""Axes of inputs that must have equal lengths, such as those of token ids and their mask."""

from collections.abc import Iterable
from typing import Annotated, NamedTuple, Self

from pydantic import Field


class Axis(NamedTuple):
    """An axis of an input; its text in a card is `ids:1`."""

    input: str
    axis: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError."""
        name, _, axis = text.rpartition(":")
        if not (axis.isascii() and axis.isdecimal() and len(axis) < 3):
            raise ValueError(f"{text!r:.100} is not INPUT:AXIS, such as ids:1")
        return cls(name, int(axis))

    @property
    def text(self) -> str:
        return f"{self.input}:{self.axis}"


# Each list has the axes that are equal to each other.
EqualAxes = Annotated[
    list[Annotated[list[str], Field(min_length=2, max_length=256)]], Field(max_length=128)
]


def axes_text(axes: Iterable[Axis]) -> str:
    """`axis 1 of ids, axis 1 of mask`."""
    return ", ".join(f"axis {each.axis} of {each.input}" for each in axes)
