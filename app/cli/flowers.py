"""The instances of `stateserve predict`: one from options, or many from a CSV file."""

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from app.errors import InvalidInput
from stateserve.client import Instance
from stateserve.model import MISSING_CELLS, Feature
from stateserve.text import shortest

# The options of `stateserve predict` itself (app/cli/predict.py).
OWN_OPTIONS = {
    *("--model", "--url", "--json", "--help"),
    *("--log-probabilities", "--calibrated", "--out-of-distribution", "--top", "--allow-code"),
}

MOST_LISTED = 20


def read_options(arguments: list[str], features: list[Feature]) -> Instance:
    """Parse `--sepal-length 5.1` or `--sepal_length=5.1` for each feature. Raises InvalidInput."""
    names = _options(features)
    by_name = {feature.name: feature for feature in features}
    flower: dict[str, Any] = {}
    left = list(arguments)
    while left:
        option, equals, text = left.pop(0).partition("=")
        name = names.get(_option(option.removeprefix("--"))) if option[:2] == "--" else None
        if name is None:
            raise InvalidInput(f"no option {option!r}; the features are {', '.join(names)}")
        if name in flower:
            raise InvalidInput(f"{option} stands twice")
        if not equals and not left:
            raise InvalidInput(f"{option} needs a number")
        cell = text if equals else left.pop(0)
        flower[name] = _value(by_name[name], cell, option)
    if alone := [each.name for each in features if each.name not in names.values()]:
        raise InvalidInput(f"no option for {', '.join(alone)}; a CSV file in their place does")
    if missing := [option for option, name in names.items() if name not in flower]:
        raise InvalidInput(f"missing {', '.join(missing)}; a CSV file in their place also does")
    return flower


def _options(features: list[Feature]) -> dict[str, str]:
    """The features by option; features without an option of their own are left out."""
    options = Counter(_option(feature.name) for feature in features)
    return {
        option: feature.name
        for feature in features
        if options[option := _option(feature.name)] == 1
        and option not in OWN_OPTIONS
        and "=" not in option
    }


def _option(name: str) -> str:
    return "--" + re.sub(r"[\s_]+", "-", name)


class Table(NamedTuple):
    """Rows of a CSV file; `labels` are their true classes, or None if the file has none."""

    flowers: list[Instance]
    labels: list[str] | None = None


def read_table(path: Path, features: list[Feature], classes: list[str]) -> Table:
    """Read one instance from each row; the header names every feature.

    One more column, of any name, has the true classes, if the model has classes. A column's name
    may contain the unit, as in training: "petal length (cm)". Raises InvalidInput, which names
    column and row (the header is row 1), or OSError.
    """
    rows = _rows(path)
    _, header = next(rows, (1, []))
    if not header:
        raise InvalidInput(f"{path}: the file is empty")
    names = _columns(path, header, features, scored=bool(classes))
    columns = [cell.strip() for cell in header]
    by_name = {feature.name: feature for feature in features}
    flowers: list[Instance] = []
    labels: list[str] = []
    for row, cells in rows:
        if len(cells) != len(names):
            found = f"{len(cells)} cells for {len(names)} columns"
            raise InvalidInput(f"{path}: row {row}: {found}")
        flower: dict[str, Any] = {}
        for name, column, cell in zip(names, columns, cells, strict=True):
            where = f"{path}: column {name or column!r}, row {row}"
            if name is None:
                labels.append(_label(cell, classes, where))
            else:
                flower[name] = _value(by_name[name], cell, where)
        flowers.append(flower)
    if not flowers:
        raise InvalidInput(f"{path}: no rows below the header")
    return Table(flowers, labels or None)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, numbered from 1, as in a spreadsheet."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: not UTF-8 at byte {error.start}") from None
    reader = enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), start=1)
    row = 0
    try:
        for row, cells in reader:
            if cells:
                yield row, cells
    except csv.Error as error:
        raise InvalidInput(f"{path}: row {row + 1}: {error}") from None


def _columns(
    path: Path, header: list[str], features: list[Feature], *, scored: bool
) -> list[str | None]:
    """The feature of each column; None for the column of the true classes."""
    known = {f"{feature.name} ({feature.unit})": feature.name for feature in features}
    known |= {feature.name: feature.name for feature in features}
    accepted = ", ".join(feature.name for feature in features)
    # Spaces around a name are ignored, unless the feature's name has them, too.
    names = [known.get(column, known.get(column.strip())) for column in header]
    unknown = [column for column, name in zip(header, names, strict=True) if name is None]
    # If a feature is missing, the extra column is more likely that feature, misspelt.
    complete = scored and set(names) >= {feature.name for feature in features}
    if unknown and not (complete and len(unknown) == 1):
        more = "; one more column may hold the classes" if complete else ""
        raise InvalidInput(
            f"{path}: the header has a column {unknown[0].strip()!r}: "
            f"the features are {accepted}{more}"
        )
    for feature in features:
        if (count := names.count(feature.name)) != 1:
            what = "does not name" if count == 0 else "names twice"
            raise InvalidInput(f"{path}: the header {what} the column {feature.name!r}")
    return names


def _label(text: str, classes: list[str], where: str) -> str:
    label = text if text in classes else text.strip()
    if label not in classes:
        what = f"{text!r} is no class of the model" if label else "missing value"
        raise InvalidInput(f"{where}: {what}; the classes are {', '.join(classes)}")
    return label


def cell_text(value: Any) -> str:
    """A value of an instance as it is shown; a missing one is empty."""
    if value is None:
        return ""
    return str(value) if isinstance(value, str | bool) else shortest(value)


def _value(feature: Feature, text: str, where: str) -> Any:
    """The JSON value of a cell. Raises InvalidInput."""
    cell = text.strip()
    if feature.missing and cell.lower() in MISSING_CELLS:
        return None
    if feature.kind == "number":
        return _number(text, where)
    if not cell:
        raise InvalidInput(f"{where}: missing value")
    if feature.kind == "boolean":
        if cell.lower() not in ("true", "false"):
            raise InvalidInput(f"{where}: {text!r} is not true or false")
        return cell.lower() == "true"
    values = feature.values or []
    if cell not in values and not feature.other:
        known = ", ".join(values[:MOST_LISTED]) + (", ..." if values[MOST_LISTED:] else "")
        raise InvalidInput(f"{where}: {text!r} is none of {known}")
    return cell


def _number(text: str, where: str) -> float:
    if not text.strip():
        raise InvalidInput(f"{where}: missing value")
    try:
        # Python reads 1_000 as a number, but programs that write tables do not.
        number = math.nan if "_" in text else float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidInput(f"{where}: {text!r} is not a finite number")
    return number
