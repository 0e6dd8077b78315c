"""The decoded instances of one request."""

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from stateserve.tables import TableInstances

Rows = TypeVar("Rows")


class Instances(NamedTuple, Generic[Rows]):
    """`rows` holds the inputs of all instances; `single` means that the body was a bare one.

    `table` is that of a body that is one, with the columns that are no inputs.
    """

    rows: Rows
    single: bool
    table: "TableInstances | None" = None
