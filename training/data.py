"""Training data: scikit-learn's iris, or a numeric CSV."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_iris

from stateserve.model import split_unit
from training.errors import DataError
from training.header import column_of


@dataclass(frozen=True)
class Dataset:
    """features float32 (rows, n_features), labels int64 (rows,) indexing `classes`."""

    name: str
    source: str
    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    feature_names: list[str]
    units: list[str | None]
    classes: list[str]


def iris() -> Dataset:
    """150 irises: four lengths in cm, three species (Fisher 1936, through scikit-learn)."""
    bunch = load_iris()
    names, units = zip(*map(split_unit, bunch.feature_names), strict=True)
    return Dataset(
        name="iris-model",
        source="iris (scikit-learn)",
        features=bunch.data.astype(np.float32),
        labels=bunch.target.astype(np.int64),
        feature_names=[name.replace(" ", "_") for name in names],
        units=list(units),
        classes=bunch.target_names.tolist(),
    )


def read_csv(path: Path, target: str, name: str) -> Dataset:
    """Read a CSV with a header: column `target` holds the classes, all others numbers.

    A header such as "petal length (cm)" gives the feature's unit. Raises DataError.
    """
    table = _read_cells(path)
    header = [str(cell).strip() for cell in table.iloc[0]]
    if repeated := sorted({column for column in header if header.count(column) > 1}):
        raise DataError(f"{path}: column {repeated[0]!r} stands twice in the header")
    target = column_of(path, header, target, "--target")
    cells = table.iloc[1:].set_axis(header, axis="columns")
    if len(header) < 2 or cells.empty:
        raise DataError(f"{path}: needs a header, rows, and a column beside {target!r}")
    columns = [column for column in header if column != target]
    features = np.stack([_numbers(path, cells[column]) for column in columns], axis=1)
    classes, labels = _labels(path, cells[target])
    names, units = zip(*map(split_unit, columns), strict=True)
    return Dataset(
        name=name,
        source=path.name,
        features=features,
        labels=labels,
        feature_names=list(names),
        units=list(units),
        classes=classes,
    )


def _read_cells(path: Path) -> pd.DataFrame:
    try:
        # As text and without a header, since pandas would silently rename repeated columns.
        content = path.read_text(encoding="utf-8-sig")
        return pd.read_csv(io.StringIO(content), header=None, dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: the file is empty") from None
    except pd.errors.ParserError as error:
        raise DataError(f"{path}: {str(error).strip().splitlines()[-1]}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None


def _cell_error(path: Path, cells: pd.Series, index: int, what: str) -> DataError:
    # The header is row 1, as in a spreadsheet.
    return DataError(f"{path}: column {cells.name!r}, row {index + 2}: {what}")


def _missing(cells: pd.Series) -> NDArray[np.bool_]:
    blank = cells.isna() | cells.str.strip().str.lower().isin(["", "na", "nan", "null", "n/a"])
    return blank.to_numpy(dtype=bool)


def _numbers(path: Path, cells: pd.Series) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        numbers = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float32)
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong) == 0:
        return numbers
    first = int(wrong[0])
    if _missing(cells)[first]:
        raise _cell_error(path, cells, first, "missing value")
    value = cells.iloc[first]
    raise _cell_error(path, cells, first, f"{value!r} is not a finite float32 number")


def _labels(path: Path, cells: pd.Series) -> tuple[list[str], NDArray[np.int64]]:
    if len(wrong := np.flatnonzero(_missing(cells))):
        raise _cell_error(path, cells, int(wrong[0]), "missing value")
    names = cells.str.strip()
    counts = names.value_counts()
    if len(counts) == 1:
        raise DataError(f"{path}: column {cells.name!r} has only one class, {counts.index[0]!r}")
    if counts.min() < 2:
        lonely = int(np.flatnonzero((names == counts.idxmin()).to_numpy())[0])
        what = f"class {counts.idxmin()!r} has only this row; training and test need one each"
        raise _cell_error(path, cells, lonely, what)
    classes = sorted(counts.index, key=class_order)
    return classes, names.map(classes.index).to_numpy(dtype=np.int64)


def class_order(name: str) -> tuple[bool, float, str]:
    """Numbers first and by value, so that class "10" follows "9"."""
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name
