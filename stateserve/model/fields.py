"""Types of the fields of a card, and the base of its parts."""

import itertools
import re
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from stateserve.field_faults import KnownFields

# float32 ends at 3.4e38; the margin lets two linear layers sum without overflow.
LARGEST = 1e30
# The largest integer that JavaScript represents exactly, as all below it.
MAX_COUNT = 2**53
MAX_CLASSES = 10_000
# A length in a shape: any.
ANY = -1

Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Text = Annotated[str, Field(max_length=1000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
# C0, DEL and C1, line and paragraph separators, halves of surrogate pairs.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def require_shown(name: str) -> str:
    """Raise ValueError for a name with a control character."""
    if found := _CONTROL.search(name):
        raise ValueError(f"{name!r:.100} has a control character, {found[0]!r}")
    return name


# Names of models, tensors and classes stand in messages, headers of files and log lines.
ShownName = Annotated[Name, AfterValidator(require_shown)]
# A list ends at its first wrong number, since millions of them would be as many errors.
Numbers = Annotated[list[Number], Field(fail_fast=True)]
Rows = Annotated[list[Numbers], Field(min_length=1, fail_fast=True)]


class Frozen(KnownFields):
    """Base of everything in a card: immutable, finite numbers, no unknown fields."""

    model_config = ConfigDict(allow_inf_nan=False, strict=True)


def require_ascending(name: str, values: list[float]) -> None:
    """Raise ValueError if a value is below the one before it."""
    for place, (before, after) in enumerate(itertools.pairwise(values)):
        if after < before:
            raise ValueError(f"{name} descends from {before!r} to {after!r} at {place + 1}")
