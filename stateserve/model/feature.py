"""A named input column, with its unit and training range."""

from typing import Self

from pydantic import Field, model_validator

from stateserve.model.training_data import Frozen, Name, Number


class Feature(Frozen):
    """One input column: its name, and, if known, its unit and its training range."""

    name: Name
    unit: str | None = Field(default=None, max_length=100)
    minimum: Number | None = None
    maximum: Number | None = None
    example: Number | None = None

    @model_validator(mode="after")
    def _require_range(self) -> Self:
        known = (self.minimum is not None, self.maximum is not None, self.example is not None)
        if any(known) and not all(known):
            raise ValueError("minimum, maximum and example stand together")
        if self.range and self.range[0] > self.range[1]:
            raise ValueError(f"the minimum {self.range[0]!r} is over the maximum {self.range[1]!r}")
        return self

    @property
    def range(self) -> tuple[float, float] | None:
        """Smallest and largest value in training."""
        if self.minimum is None or self.maximum is None:
            return None
        return self.minimum, self.maximum
