"""The decoded instances of one request."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Rows = TypeVar("Rows")


@dataclass(frozen=True)
class Instances(Generic[Rows]):
    """`rows` holds the inputs of all instances; `single` means that the body was a bare one."""

    rows: Rows
    single: bool
