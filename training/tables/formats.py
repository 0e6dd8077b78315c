"""A table from a file of any format that is read, by its suffix."""

import io
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd

from training.errors import DataError
from training.tables.delimited import MAX_COLUMNS, Sheet, read_delimited
from training.tables.text import decode, read_bytes

PARQUET = (".parquet", ".pq")
FEATHER = (".feather", ".arrow", ".ipc")
EXCEL = (".xlsx", ".xlsm")


def read_sheet(path: Path) -> Sheet:
    """The columns of a file: text, or what its format says. Raises DataError."""
    content = read_bytes(path)
    suffixes = [each.lower() for each in path.suffixes]
    suffix = next((each for each in reversed(suffixes) if each != ".gz"), "")
    if suffix not in PARQUET + FEATHER + EXCEL:
        text, notes = decode(path, content)
        sheet = read_delimited(path, text)
        return replace(sheet, notes=[*notes, *sheet.notes])
    frame = _read_binary(path, content, suffix)
    names = [str(name).strip() for name in frame.columns]
    if len(names) > MAX_COLUMNS:
        raise DataError(f"{path}: {len(names)} columns; at most {MAX_COLUMNS} are read")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{path}: column {repeated[0]!r} stands twice in the header")
    return Sheet(frame.set_axis(names, axis="columns"), np.arange(len(frame)) + 2, [])


def _read_binary(path: Path, content: bytes, suffix: str) -> pd.DataFrame:
    try:
        if suffix in PARQUET:
            return pd.read_parquet(io.BytesIO(content)).reset_index(drop=True)
        if suffix in FEATHER:
            return pd.read_feather(io.BytesIO(content))
        # Without a header, since pandas would silently rename repeated columns.
        cells = pd.read_excel(io.BytesIO(content), header=None, dtype=object, engine="openpyxl")
    except ImportError:
        _require("openpyxl" if suffix in EXCEL else "pyarrow", path)
    except MemoryError:
        raise
    # Each library has errors of its own for a file that is none of its format.
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(f"{path}: no readable {suffix} file: {reason[0][:200]}") from None
    if not len(cells):
        raise DataError(f"{path}: the file is empty")
    header = ["" if pd.isna(cell) else str(cell) for cell in cells.iloc[0]]
    return cells.iloc[1:].set_axis(header, axis="columns").reset_index(drop=True)


def _require(library: str, path: Path) -> NoReturn:
    raise DataError(f"{path}: this format needs {library}: pip install {library}")
