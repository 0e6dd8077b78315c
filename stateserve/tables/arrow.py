"""Parquet, Feather and Arrow files as columns; needs pyarrow."""

import re
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from stateserve.errors import TableError
from stateserve.tables.content import MAX_BYTES
from stateserve.tables.numbers import INEXACT
from stateserve.tables.sheet import Column, Sheet, clean, names_of, require_cells
from stateserve.text import first_line

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.feather
    import pyarrow.parquet as pq
except ModuleNotFoundError:
    pa = None

BATCH_ROWS = 2**16
# pandas writes the index of a data frame so, if it has no name.
INDEX = re.compile(r"__index_level_\d+__")


def read_arrow(source: str, content: bytes) -> Sheet:
    """Read a table whose format is known by its first bytes. Raises TableError."""
    if pa is None:
        raise TableError(source, "this format needs pyarrow: pip install pyarrow")
    try:
        return _sheet(source, _read(source, content))
    except MemoryError:
        raise TableError(source, "the table is too large for the memory") from None
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        # pyarrow has no more special error for a file that ends too early.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise TableError(source, f"no whole Parquet or Arrow file: {reason[:200]}") from None


def _sheet(source: str, table: "pa.Table") -> Sheet:
    index = [name for name in table.column_names if INDEX.fullmatch(name)]
    notes = [f"column {name!r}, the index of a data frame, is left out" for name in index]
    table = table.drop_columns(index)
    names = names_of(source, table.column_names)
    columns = [_read_column(source, name, table.column(n)) for n, name in enumerate(names)]
    named = _index_columns(table.schema)
    columns = [
        replace(column, is_index=name in named)
        for name, column in zip(table.column_names, columns, strict=True)
    ]
    # Without a header, the first row is row 1.
    return Sheet(source, columns, np.arange(table.num_rows, dtype=np.int64) + 1, notes)


def _index_columns(schema: "pa.Schema") -> set[str]:
    """The columns that pandas makes an index; none if its metadata cannot be read."""
    try:
        found = schema.pandas_metadata["index_columns"]
        return {each for each in found if isinstance(each, str)}
    except (ValueError, LookupError, TypeError, RecursionError):
        return set()


def _read(source: str, content: bytes) -> "pa.Table":
    buffer = pa.BufferReader(content)
    if content.startswith(b"FEA1"):
        table = pyarrow.feather.read_table(buffer)
        table.validate(full=True)
        return table
    if content.startswith(b"PAR1"):
        file = pq.ParquetFile(buffer)
        require_cells(source, file.metadata.num_columns, file.metadata.num_rows)
        return _join(source, file.schema_arrow, file.iter_batches(BATCH_ROWS))
    if content.startswith(b"ARROW1"):
        file = pa.ipc.open_file(buffer)
        batches = map(file.get_batch, range(file.num_record_batches))
        return _join(source, file.schema, batches)
    stream = pa.ipc.open_stream(buffer)
    return _join(source, stream.schema, stream)


def _join(source: str, schema: "pa.Schema", batches: "Iterable[pa.RecordBatch]") -> "pa.Table":
    """The table of all batches. A few bytes can claim any number of rows, and of long texts."""
    kept, rows, size = [], 0, 0
    for batch in batches:
        # Offsets and indices are those of the file, and Arrow follows them, also out of memory.
        batch.validate(full=True)
        rows, size = rows + len(batch), size + batch.nbytes
        require_cells(source, len(schema), rows)
        if size > MAX_BYTES:
            raise TableError(source, f"more than {MAX_BYTES >> 20} MiB of values")
        kept.append(batch)
    return pa.Table.from_batches(kept, kept[0].schema if kept else schema)


def _read_column(source: str, name: str, values: "pa.ChunkedArray") -> Column:
    try:
        return _column(name, values)
    except pa.ArrowException as error:
        reason = f"{values.type}, which is not read: {first_line(error)}"
        raise TableError(source, reason, column=name) from None


def _column(name: str, values: "pa.ChunkedArray") -> Column:
    kind = values.type
    if kind == pa.string_view():
        # pyarrow has few functions for it.
        kind = pa.large_string()
        values = values.cast(kind)
    if pa.types.is_dictionary(kind):
        if _is_text(kind.value_type):
            return Column(name, _words(values))
        values = values.cast(kind.value_type)
        kind = values.type
    if pa.types.is_boolean(kind):
        return Column(name, _floats(values.cast(pa.uint8())), "boolean")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = _floats(values)
        if _is_whole(kind) and (np.abs(numbers) >= INEXACT).any():
            return Column(name, _texts(values.cast(pa.string())), "number")
        return Column(name, numbers, "number")
    # The text of a duration is a number, of any unit.
    if pa.types.is_temporal(kind) and not pa.types.is_duration(kind):
        return Column(name, values.cast(pa.string()).to_pylist(), "date")
    if pa.types.is_null(kind):
        return Column(name, [None] * len(values))
    if not _is_text(kind):
        return Column(name, [str(kind)] * len(values), "other")
    return Column(name, _texts(values))


def _is_whole(kind: "pa.DataType") -> bool:
    return bool(pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0))


def _texts(values: "pa.ChunkedArray") -> list[str | None]:
    return clean(pc.fill_null(values, "").to_pylist())


def _is_text(kind: "pa.DataType") -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _words(values: "pa.ChunkedArray") -> list[str | None]:
    """The texts of a dictionary; all rows share them, so that long ones take no memory."""
    found: list[str | None] = []
    for chunk in values.chunks:
        words = [*clean(["" if each is None else each for each in chunk.dictionary.to_pylist()])]
        indices = pc.fill_null(chunk.indices.cast(pa.int64()), len(words)).to_numpy()
        words.append(None)
        found += [words[index] for index in indices.tolist()]
    return found


def _floats(values: "pa.ChunkedArray") -> np.ndarray:
    return np.array(values.cast(pa.float64(), safe=False).to_numpy(), np.float64)
