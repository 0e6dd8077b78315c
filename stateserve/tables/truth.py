"""The column of a table that has the true classes or values."""

from collections.abc import Sequence

from stateserve.model import split_unit
from stateserve.tables.cells import spellings
from stateserve.tables.scores import Truth
from stateserve.tables.sheet import Column, Sheet

# Of a name in a message.
LONGEST_NAME = 100


def read_truth(
    sheet: Sheet,
    others: Sequence[Column],
    target: str | None,
    classes: Sequence[str],
    notes: list[str],
) -> Truth | None:
    """The column of the target among `others`; without its name, the one that has the classes."""
    if target is not None:
        names = (target, " ".join(target.split()))
        found = [c for c in others if c.name in names or split_unit(c.name)[0] in names]
        column = found[0] if found else None
    else:
        column = _column_of_classes(others, classes)
    if column is None:
        return None
    if not classes:
        numbers = column.numbers(sheet.mark).values.tolist()
        return Truth(column.name, [None if each != each else each for each in numbers])
    find = spellings(classes)
    labels = {text: find(text) for text in set(column.texts) if text is not None}
    wrong = [place for place, text in enumerate(column.texts) if text and labels[text] is None]
    if wrong:
        where = f"column {column.name[:LONGEST_NAME]!r}, row {sheet.rows[wrong[0]]}"
        text = (column.texts[wrong[0]] or "")[:100]
        more = f"; so do {len(wrong) - 1} other cells" if wrong[1:] else ""
        notes.append(f"{where}: {text!r} is no class of the model, and counts as wrong{more}")
    values = [None if text is None else labels[text] or text for text in column.texts]
    return Truth(column.name, values)


def _column_of_classes(others: Sequence[Column], classes: Sequence[str]) -> Column | None:
    """The only column in which most texts are classes."""
    if not classes:
        return None
    find = spellings(classes)
    found = []
    for column in others:
        known = {text for text in column.texts if text is not None}
        right = {text for text in known if find(text) is not None}
        count = sum(text in right for text in column.texts)
        if count and 2 * count >= sum(text is not None for text in column.texts):
            found.append(column)
    return found[0] if len(found) == 1 else None
