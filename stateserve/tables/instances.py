"""The rows of a table as instances of a model, and its column of true classes or values."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from stateserve.errors import TableError
from stateserve.model import Card, Feature, ModelCard, RowHashes
from stateserve.tables.bad_rows import BadRows
from stateserve.tables.cells import MOST_LISTED, values_of
from stateserve.tables.numbers import Mark
from stateserve.tables.scores import Score, Truth, score_classes, score_values
from stateserve.tables.sheet import Column, Sheet, loose
from stateserve.tables.trained_rows import about_training, hashes_of
from stateserve.tables.truth import LONGEST_NAME, read_truth
from stateserve.text import did_you_mean, listed

ROW = re.compile(r"(?:^|, )row (\d+): ")


@dataclass(frozen=True)
class Wanted:
    """What a model wants of a table: its features, its classes, and the name of its target;
    `trained` and `dataset` are the hashes of its training rows and the name of their file."""

    features: Sequence[Feature]
    classes: Sequence[str] = ()
    target: str | None = None
    trained: RowHashes | None = None
    dataset: str | None = None

    @classmethod
    def of(cls, card: Card | ModelCard) -> "Wanted | None":
        """None for a model without named columns."""
        if not isinstance(card, ModelCard):
            return cls(card.features, card.classes, None, hashes_of(card), card.dataset)
        if len(card.inputs) != 1 or not card.inputs[0].features:
            return None
        output = next(filter(lambda each: each.classes, card.outputs), None)
        target = card.table.target if card.table else None
        classes = output.labels if output else []
        return cls(card.inputs[0].features, classes, target, hashes_of(card), card.dataset)


class Answered(Protocol):
    """The answer to an instance; stateserve.client.Prediction is one."""

    @property
    def label(self) -> str | None: ...

    @property
    def outputs(self) -> Mapping[str, object]: ...


@dataclass(frozen=True)
class TableInstances:
    """`columns` has the JSON values of each feature by its name, in the file's order. `rows` are
    those of the file, whose first is 1. `others` are the columns that are no features. `bad` says
    of the first rows that were left out why they were, and `left_out` how many there are.
    `header` has the file's name of each feature; `separator` and `decimal_mark` are those of
    delimited text, None if they are not known."""

    columns: dict[str, list[JsonValue]]
    rows: list[int]
    truth: Truth | None
    others: list[Column]
    notes: list[str]
    bad: list[str] = field(default_factory=list)
    left_out: int = 0
    header: dict[str, str] = field(default_factory=dict)
    separator: str | None = None
    decimal_mark: Mark | None = None

    @cached_property
    def instances(self) -> list[dict[str, JsonValue]]:
        names = list(self.columns)
        rows = zip(*self.columns.values(), strict=True)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def score(self, answers: Sequence[Answered]) -> Score | None:
        """The score of the answers to `instances`; None without true classes or values."""
        if self.truth is None:
            return None
        if not answers[0].outputs:
            return score_classes(self.truth, [each.label for each in answers])
        return score_values(self.truth, [_value_of(each.outputs) for each in answers])


def _value_of(outputs: Mapping[str, object]) -> float:
    """The first output that is one number."""
    numbers = (each for each in outputs.values() if isinstance(each, int | float))
    return float(next(numbers, math.nan))


def read_instances(sheet: Sheet, wanted: Wanted, *, skip_bad_rows: bool = False) -> TableInstances:
    """Read one instance from each row; the header has a column for every feature, in any order.

    A column's name may have other case or separators, and the unit: "Petal length (cm)". Of the
    other columns,
    that of the target has the true classes or values; the rest is kept in `others`. A row with a
    cell that cannot be read is an error, or is left out on request, unless all are such rows.
    Raises TableError.
    """
    places = _places(sheet, wanted.features)
    if not len(sheet.rows):
        if sheet.bad:
            raise _no_row(sheet, sheet.bad)
        raise TableError(sheet.source, "no rows below the header")
    notes, bad = list(sheet.notes), BadRows(sheet)
    columns = {
        feature.name: values_of(sheet, sheet.columns[place], feature, notes, bad)
        for place, feature in sorted(zip(places, wanted.features, strict=True), key=itemgetter(0))
    }
    if bad:
        if not skip_bad_rows:
            raise bad.error()
        if len(bad) == len(sheet.rows):
            raise _no_row(sheet, [*sheet.bad, *bad.details()], len(bad))
        rest = read_instances(bad.others(), wanted, skip_bad_rows=True)
        first = sorted(bad.details() + rest.bad, key=_row)[:MOST_LISTED]
        return replace(rest, bad=first, left_out=len(bad) + rest.left_out)
    others = [each for place, each in enumerate(sheet.columns) if place not in places]
    truth = read_truth(sheet, others, wanted.target, wanted.classes, notes)
    if truth is not None:
        truth = replace(truth, note=_about_training(sheet, wanted, columns, truth))
    unused = [
        each.name[:LONGEST_NAME] or "one without a name"
        for each in others
        if truth is None or each.name != truth.column
    ]
    if unused:
        notes.append(f"columns not used: {listed(unused, MOST_LISTED)}")
    named = zip(wanted.features, places, strict=True)
    header = {each.name: sheet.columns[place].name for each, place in named}
    about = (sheet.bad, sheet.left_out, header, sheet.separator, sheet.mark)
    return TableInstances(columns, sheet.rows.tolist(), truth, others, notes, *about)


def _no_row(sheet: Sheet, details: Sequence[str], bad: int = 0) -> TableError:
    """All rows are left out; `bad` of them have a cell that cannot be read."""
    first = sorted(details, key=_row)[:MOST_LISTED]
    count = sheet.left_out + bad
    more = [f"and {count - len(first)} more bad rows"] if count > len(first) else []
    what = first[0] if count == 1 else f"all {count} rows are bad, the first: {first[0]}"
    return TableError(sheet.source, what, details=[*first, *more])


def _row(detail: str) -> int:
    """The row that a detail of a bad row names."""
    found = ROW.search(detail)
    return int(found[1]) if found else 0


def _about_training(
    sheet: Sheet, wanted: Wanted, columns: Mapping[str, Sequence[JsonValue]], truth: Truth
) -> str | None:
    if wanted.trained is not None:
        scored = [each is not None for each in truth.values]
        return about_training(wanted.trained, wanted.features, columns, scored)
    if wanted.dataset is not None and Path(sheet.source).name == wanted.dataset:
        return "the model was trained on rows of a file of this name, so this score is no test"
    return None


def _places(sheet: Sheet, features: Sequence[Feature]) -> list[int]:
    """The place of each feature in the header. Raises TableError, which names all that it lacks."""
    shared = Counter(name for each in features for name in {*map(loose, _names(each))})
    places = [_place(sheet, feature, shared) for feature in features]
    lacking = [each for each, place in zip(features, places, strict=True) if place is None]
    if not lacking:
        return [place for place in places if place is not None]
    unused = [name for place, name in enumerate(sheet.header) if place not in places]
    hint = did_you_mean(lacking[0].name, unused)
    names = listed([repr(each.name) for each in lacking], MOST_LISTED)
    columns = listed([name[:LONGEST_NAME] for name in sheet.header], MOST_LISTED)
    what = f"the column{'s' if lacking[1:] else ''} {names}; its columns are {columns}{hint}"
    raise TableError(sheet.source, f"the header does not name {what}")


def _place(sheet: Sheet, feature: Feature, shared: Mapping[str, int]) -> int | None:
    names = _names(feature)
    found = {place for name in names for place in sheet.places.get(name, ())}
    if not found:
        # A loose name that several features share is none of them.
        alone = {each for each in map(loose, names) if each and shared[each] == 1}
        found = {place for name in alone for place in sheet.loose_places.get(name, ())}
    if len(found) > 1:
        raise TableError(sheet.source, f"the header names twice the column {feature.name!r}")
    return next(iter(found), None)


def _names(feature: Feature) -> set[str]:
    name = " ".join(feature.name.split())
    return {name, f"{name} ({feature.unit})"} if feature.unit else {name}
