"""The JSON values of a table's cells, by the kind of the feature: number, boolean, category."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import numpy as np
from pydantic import JsonValue

from stateserve.errors import TableError
from stateserve.model import MISSING_CELLS, Feature, zeros_hint
from stateserve.tables.bad_rows import BadRows
from stateserve.tables.numbers import INEXACT, LEADING_ZERO, MISSING_NUMBERS, NUMBERS, read_numbers
from stateserve.tables.sheet import Column, Sheet, about_other_texts
from stateserve.text import LARGEST

MOST_LISTED = 20
TOO_LARGE = f"is too large; numbers from {-LARGEST} to {LARGEST} are taken"
# As German, French, Spanish, Portuguese, Italian and Dutch spreadsheets write them, too.
TRUTHS = {
    **dict.fromkeys(("true", "wahr", "vrai", "verdadero", "verdadeiro", "vero", "waar"), True),
    **dict.fromkeys(("false", "falsch", "faux", "falso", "onwaar"), False),
}
BOOLEANS = TRUTHS | {"1": True, "0": False}


def values_of(
    sheet: Sheet, column: Column, feature: Feature, notes: list[str], bad: BadRows
) -> list[JsonValue]:
    """The values, None where one is missing or bad."""
    if feature.kind == "number":
        return _numbers(sheet, column, feature, notes, bad)
    read = _boolean if feature.kind == "boolean" else _Category(feature)
    known = {text: read(text) for text in set(column.texts) if text is not None}
    values: list[JsonValue] = []
    for place, text in enumerate(column.texts):
        value = None if text is None else known[text]
        if isinstance(value, Wrong):
            bad.add(column, place, f"{(text or '')[:100]!r} {value.why}")
            value = None
        elif text is None and not feature.missing:
            bad.add(column, place, "missing value")
        values.append(value)
    return values


def _numbers(
    sheet: Sheet, column: Column, feature: Feature, notes: list[str], bad: BadRows
) -> list[JsonValue]:
    found = column.numbers(sheet.mark)
    if found.note:
        notes.append(f"column {column.name!r}: {found.note}")
    values: list[JsonValue] = found.values.tolist()
    # A boolean is no number, as in JSON.
    strange = np.flatnonzero(np.isnan(found.values) | (column.kind == "boolean")).tolist()
    texts = column.texts
    known = sum(text is not None for text in texts) if strange else 0
    others = [place for place in strange if texts[place] is not None]
    real = [place for place in others if (texts[place] or "").lower() not in MISSING_NUMBERS]
    refused = real if not feature.missing or len(real) > (1 - NUMBERS) * known else []
    for place in refused:
        bad.add(column, place, f"{(texts[place] or '')[:100]!r} is not a finite number")
    if not feature.missing:
        for place in set(strange) - set(refused):
            text = texts[place]
            why = "missing value" if text is None else f"{text!r} counts as a missing value"
            bad.add(column, place, why)
    elif others and not refused:
        first = others[0]
        note = about_other_texts(len(others), texts[first] or "", int(sheet.rows[first]))
        notes.append(f"column {column.name!r}: {note}")
    for place in strange:
        values[place] = None
    for place in np.flatnonzero(np.abs(found.values) > LARGEST).tolist():
        what = "is not a finite number" if np.isinf(found.values[place]) else TOO_LARGE
        bad.add(column, place, f"{(texts[place] or '')[:100]!r} {what}")
    return values


@dataclass(frozen=True)
class Wrong:
    """Why a cell is not accepted."""

    why: str


def _boolean(text: str) -> JsonValue | Wrong:
    found = BOOLEANS.get(text.lower())
    return Wrong("is not true or false") if found is None else found


class _Category:
    """Reads the texts of a category; 2024 and 2024.0 are the same text."""

    def __init__(self, feature: Feature) -> None:
        self._feature = feature
        self._values = spellings(feature.values or [])

    def __call__(self, text: str) -> JsonValue | Wrong:
        found = self._values(text)
        if found is not None:
            return found
        if self._feature.other:
            return text
        values = self._feature.values or []
        more = ", ..." if values[MOST_LISTED:] else ""
        code = self._feature.lost_zeros.get(text)
        hint = zeros_hint(code) if code else ""
        return Wrong(f"is none of {', '.join(values[:MOST_LISTED])}{more}{hint}")


def spellings(values: Sequence[str]) -> Callable[[str], str | None]:
    """A function from a text to the value that it means: the same text, number or boolean.

    Codes such as 01067 are no numbers: only the same text is the same code.
    """
    exact = {value: value for value in values}
    stripped = {" ".join(value.split()): value for value in values}
    counts = [] if any(map(LEADING_ZERO.fullmatch, values)) else values
    numbers = {number: value for value in counts if (number := exact_number(value)) is not None}
    booleans = (
        {v.lower(): v for v in values} if {v.lower() for v in values} <= {"true", "false"} else {}
    )

    def find(text: str) -> str | None:
        for known in (exact, stripped, booleans):
            if (found := known.get(text.lower() if known is booleans else text)) is not None:
                return found
        number = exact_number(text) if numbers else None
        return None if number is None else numbers.get(number)

    return find


def exact_number(text: str) -> Decimal | float | None:
    """The number in a text, with all its digits from INEXACT on; None if there is none, or if it is
    a bound."""
    found = read_numbers([text])
    number = float(found.values[0])
    if found.bounds or math.isnan(number):
        return None
    if math.isinf(number) or abs(number) < INEXACT:
        return number
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def read_value(feature: Feature, text: str, where: str, notes: list[str]) -> JsonValue:
    """The JSON value of one text; it is noted if the text counts as missing. Raises TableError."""
    cell = text.strip()
    column = Column(feature.name, [None if cell.lower() in MISSING_CELLS else cell])
    sheet = Sheet(where, [column], np.zeros(1, np.int64))
    bad = BadRows(sheet)
    (value,) = values_of(sheet, column, feature, [], bad)
    if value is None and column.texts != [None]:
        notes.append(f"{where}: {cell!r} is no number, and counts as missing")
    if bad:
        raise TableError(where, bad.details()[0].rpartition("row 0: ")[2])
    return value
