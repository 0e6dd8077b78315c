"""The decoded instances of one request."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from app.errors import InvalidInstances
from stateserve.errors import Fault

if TYPE_CHECKING:
    from stateserve.tables import TableInstances

Rows = TypeVar("Rows")
FIRST = "/instances/0"


class Instances(NamedTuple, Generic[Rows]):
    """`rows` holds the inputs of all instances; `single` means that the body was a bare one.

    `table` is that of a body that is one, with the columns that are no inputs.
    """

    rows: Rows
    single: bool
    table: "TableInstances | None" = None

    @contextmanager
    def pointed_at(self) -> Iterator[None]:
        """The model's fault with the only instance points at the body, which has no list."""
        try:
            yield
        except InvalidInstances as error:
            if not self.single:
                raise
            faults = [Fault(each.pointer.removeprefix(FIRST), each.detail) for each in error.faults]
            raise InvalidInstances(faults) from None
