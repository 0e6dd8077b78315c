"""The names in the header of a table: which column the user means, and which a card takes."""

import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from stateserve.model import split_unit
from stateserve.text import listed
from training.errors import DataError

# Of a name in a card.
LONGEST_NAME, LONGEST_UNIT = 200, 100
MOST_LISTED = 30
NEAR = 0.7
# Before the unit of a name, as others write it, too: "rent [EUR]".
UNIT = re.compile(r"\s*[(\[]")


def column_of(path: Path, header: Sequence[str], name: str, option: str) -> str:
    """The column of this name, which may lack the unit, and may have other case. Raises DataError
    for none, and for several."""
    if name in header:
        return name
    for key in (str, str.casefold):
        found = [each for each in header if key(name) in (key(each), key(split_unit(each)[0]))]
        if len(found) == 1:
            return found[0]
        if found:
            several = " and ".join(map(repr, found[:MOST_LISTED]))
            raise DataError(f"{path}: {option}: {name!r} may be {several}: give the whole name")
    titles = {title: each for each in header for title in _titles(each)}
    near = get_close_matches(name.casefold(), titles, 1, NEAR)
    hint = ""
    if sum(cell.replace(".", "").isdigit() for cell in header) > len(header) / 2:
        hint += "; row 1 has numbers, but a header with the names of the columns is needed"
    hint += f"; did you mean {titles[near[0]]!r}?" if near else ""
    columns = listed(header, MOST_LISTED)
    raise DataError(f"{path}: {option}: no column {name!r}; the columns are {columns}{hint}")


def wrong_name(name: str) -> str | None:
    """Why a card takes no feature of this name."""
    if not name:
        return "a column has no name"
    if len(name) > LONGEST_NAME or len(split_unit(name)[1] or "") > LONGEST_UNIT:
        return f"the name {name[:40]!r}... is too long"
    return None if is_shown(name) else f"the name {name!r} has a control character"


def is_shown(name: str) -> bool:
    """Whether it has no control characters, separators of lines, or halves of surrogate pairs."""
    return all(unicodedata.category(each) not in ("Cc", "Zl", "Zp", "Cs") for each in name)


def _titles(header: str) -> tuple[str, str]:
    plain = header.casefold()
    return plain, UNIT.split(plain)[0]
