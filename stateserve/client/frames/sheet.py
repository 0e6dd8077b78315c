"""The columns of a DataFrame as those of a table, for the reader of tables."""

import inspect
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from stateserve.client.instances import is_missing
from stateserve.errors import ClientError, TableError
from stateserve.model import Feature
from stateserve.tables import (
    INEXACT,
    Column,
    Sheet,
    TableInstances,
    Wanted,
    clean,
    loose,
    read_instances,
)
from stateserve.text import shortest

if TYPE_CHECKING:
    from narwhals import DataFrame, Series
    from narwhals.typing import IntoDataFrame, IntoSeries

OURS = "stateserve."


def read_frame(
    frame: "DataFrame[IntoDataFrame]", features: Sequence[Feature], rows: NDArray[np.int64]
) -> list[dict[str, JsonValue]]:
    """The instances of a DataFrame of narwhals, by the rules of tables in files: decimal commas,
    texts of booleans, numbers as categories. `rows` int64 (rows,) number them in messages.

    Warns of unusual forms of numbers, and of texts that count as missing. Raises ClientError.
    """
    table = _read(frame, features, rows, skip_bad_rows=False)
    for note in table.notes:
        # Columns that are no features are usual in a DataFrame.
        if note.startswith("column "):
            _warn(note)
    return table.instances


def good_rows(frame: "DataFrame[IntoDataFrame]", features: Sequence[Feature]) -> list[int]:
    """The rows whose cells can all be read. Warns of the others. Raises ClientError if none can."""
    table = _read(frame, features, np.arange(len(frame)), skip_bad_rows=True)
    if table.left_out:
        left_out = f"{table.left_out} of {len(frame)} rows are left out"
        _warn(f"{left_out}, the first: {table.bad[0]}")
    return table.rows


def _warn(text: str) -> None:
    """Warn at the line that called the client, so that each such line warns once."""
    level, frame = 1, inspect.currentframe()
    while frame and frame.f_globals["__name__"].startswith(OURS):
        level, frame = level + 1, frame.f_back
    warnings.warn(f"the DataFrame: {text}", stacklevel=level)


def _read(
    frame: "DataFrame[IntoDataFrame]",
    features: Sequence[Feature],
    rows: NDArray[np.int64],
    *,
    skip_bad_rows: bool,
) -> TableInstances:
    headers = {loose(name) for each in features for name in (each.name, each.title)}
    # In place of the cells of other columns; it takes no memory.
    unread = np.broadcast_to(np.float64(0), len(frame))
    columns = [
        _column(name, frame[name]) if loose(name) in headers else Column(name, unread)
        for name in frame.columns
    ]
    sheet = Sheet("the DataFrame", columns, rows)
    try:
        return read_instances(sheet, Wanted(features), skip_bad_rows=skip_bad_rows)
    except TableError as error:
        raise ClientError(str(error)) from None


def _column(name: str, values: "Series[IntoSeries]") -> Column:
    import narwhals

    dtype = values.dtype
    if dtype == narwhals.Boolean or dtype.is_numeric():
        numbers = values.cast(narwhals.Float64).to_numpy().astype(np.float64)
        numbers[values.is_null().to_numpy()] = np.nan
        if dtype.is_integer() and (np.abs(numbers) >= INEXACT).any():
            return Column(name, clean([_text(each) for each in values.to_list()]), "number")
        return Column(name, numbers, "boolean" if dtype == narwhals.Boolean else "number")
    return Column(name, clean([_text(each) for each in values.to_list()]))


def _text(value: object) -> str:
    if isinstance(value, float | np.floating):
        return shortest(float(value))
    try:
        return "" if is_missing(value) else str(value)
    except ValueError:
        # Of an integer of more than 4300 digits.
        return f"{type(value).__name__} without a text"
