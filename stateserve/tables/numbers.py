"""Numbers in cells: decimal marks, groups of digits, and the signs around them."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# Among numbers, a cell with one of these is missing, too.
MISSING_NUMBERS = frozenset(
    (
        "-",
        "--",
        "?",
        ".",
        "..",
        "*",
        "x",
        "missing",
        "unknown",
        "n.a.",
        "n.d.",
        "k.a.",
        "k. a.",
        "keine angabe",
        "unbekannt",
        "inconnu",
        "not available",
        "not applicable",
        "—",
        "–",
        "#div/0!",
        "#value!",
        "#ref!",
        "#name?",
        "#num!",
        # Of SAS and Stata, for different reasons.
        "._",
        *(f".{letter}" for letter in ascii_lowercase),
    )
)
# A column with this share of numbers is one of numbers, and other texts are missing.
NUMBERS = 0.95
Mark = Literal[",", "."]
# A column is written in a form if this share of its cells is.
MOST = 0.95
_CURRENCY = r"[$€£¥￥₹₩₽₺円元]|US\$|R\$|CHF|EUR|USD|GBP|JPY|INR|Fr\.|Rs\.?|kr\.?|zł|Kč"
# Without (?<!\s), many spaces take a time that grows with the square of their number.
SIGNS = re.compile(
    rf"^([+-]?)\s*(?:{_CURRENCY})\s*|(?<!\s)\s*(?:[%％‰]|{_CURRENCY})$", re.IGNORECASE
)
# Of a laboratory: below or above what it can measure.
BOUND = re.compile(r"^(?:[<>≤≥]=?|[~≈])\s*(?=[\d.,+-])")
UNIT = re.compile(r"^[+-]?[\d.,]+\s?([^\W\d_][^\d,;]{0,9}|°\w?|/\s?[1-9]\d*)$")
NEGATIVE = re.compile(r"\((?!\()(.+)\)")
# No number is written so, but a code is, such as a postcode.
LEADING_ZERO = re.compile(r"0[0-9]+")
# Digits in groups of three, as France, Switzerland and ISO 80000-1 write them.
SPACED = re.compile(r"(?<=\d)[\u00a0\u202f\u2009 '’](?=\d{3}(?!\d))")
COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+)?,\d+(e[+-]?\d+)?", re.IGNORECASE)
COMMA_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{2,3})*,\d{3}(\.\d*)?")
DOT_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")
# What is a decimal mark, whatever the other cells are.
SURE_COMMA = re.compile(r"[+-]?(0|\d+|\d{1,3}(\.\d{3})+),(\d{1,2}|\d{4,})|[+-]?0,\d+")
SURE_DOT = re.compile(r"[+-]?(0|\d+|\d{1,3}(,\d{3})+)\.(\d{1,2}|\d{4,})|[+-]?0\.\d+")
GROUPS, COMMAS = "commas group the digits", "the decimal mark is a comma"
DOTS, SIGNS_OFF = "dots group the digits", "signs such as % or $ are taken off"
SAMPLE_CELLS = 100_000
# The largest float64 with all digits has 309. A longer text is not searched for one.
LONGEST_NUMBER = 512
# From here on, float64 lacks some whole numbers, and would make one of several.
INEXACT = 2**53


@dataclass(frozen=True)
class Numbers:
    """`values` float64 (rows,), NaN where a cell is no number; `note` says how they are written,
    if not plainly. So many of them are `bounds`, such as <0.5, and count as 0.5."""

    values: NDArray[np.float64]
    note: str | None = None
    bounds: int = 0


def read_numbers(texts: Sequence[str | None], mark: Mark | None = None) -> Numbers:
    """Read cells without spaces around them; `mark` is the decimal mark of the file, if known."""
    plain = None if mark == "," else _plain_numbers(texts)
    if plain is not None:
        return Numbers(plain)
    # Each different text is looked at once.
    counts = Counter(text for text in texts if text)
    found = {text: _plain(text) for text in counts}
    strange = [text for text, value in found.items() if math.isnan(value) and _may_be_number(text)]
    bare = {text: _bare(text) for text in strange}
    unit = _unit(bare, counts)
    if unit:
        bare = {text: each.removesuffix(unit).rstrip() for text, each in bare.items()}
    form = _form(bare, counts, mark)
    found |= {text: _plain(_rewritten(each, form)) for text, each in bare.items()}
    if form in (COMMAS, DOTS):
        for text in counts:
            if DOT_GROUPS.fullmatch(text):
                found[text] = _plain(_rewritten(text, form))
    if form is None and any(
        text != each and not math.isnan(found[text]) for text, each in bare.items()
    ):
        form = f"the unit {unit!r} is taken off" if unit else SIGNS_OFF
    found[""] = math.nan
    values = [found[text or ""] for text in texts]
    bounds = [text for text in bare if BOUND.match(text) and not math.isnan(found[text])]
    if bounds:
        said = f"bounds such as {bounds[0]!r:.40} count as their numbers"
        form = said if form in (None, SIGNS_OFF) else f"{form}; {said}"
    return Numbers(np.array(values, np.float64), form, sum(counts[text] for text in bounds))


def _plain_numbers(texts: Sequence[str | None]) -> NDArray[np.float64] | None:
    """The values if all cells are missing or numbers as Python reads them."""
    known = [text or "nan" for text in texts]
    if max(map(len, known), default=0) > LONGEST_NUMBER or "_" in "".join(known):
        return None
    try:
        return np.array(list(map(float, known)), np.float64)
    except ValueError:
        return None


def _form(bare: Mapping[str, str], counts: Mapping[str, int], mark: Mark | None) -> str | None:
    """How the numbers of a column are written, as a note; None if plainly."""
    commas = {text: counts[text] for text, each in bare.items() if "," in each}
    if commas:
        if mark != "," and _share(COMMA_GROUPS, bare, commas) > MOST:
            return GROUPS
        return COMMAS if _share(COMMA, bare, commas) > MOST else None
    if mark != ",":
        return None
    dots = {text: count for text, count in counts.items() if "." in text}
    return DOTS if dots and _share(DOT_GROUPS, {}, dots) > MOST else None


def _rewritten(text: str, form: str | None) -> str:
    """The number as Python reads it."""
    if form == GROUPS and COMMA_GROUPS.fullmatch(text):
        return text.replace(",", "")
    if form in (COMMAS, DOTS):
        if COMMA.fullmatch(text):
            return text.replace(".", "").replace(",", ".")
        if DOT_GROUPS.fullmatch(text):
            return text.replace(".", "")
    return text


def decimal_mark(columns: Sequence[Sequence[str | None]], separator: str | None) -> Mark | None:
    """The decimal mark of a file; None if no cell shows it, and the separator does not either."""
    commas = dots = 0
    rows = 1 + SAMPLE_CELLS // max(1, len(columns))
    for column in columns:
        sample = [t for t in column[:rows] if t and ("," in t or "." in t) and _may_be_number(t)]
        for text in sample:
            # Most numbers have no signs to take off.
            bare = text if SURE_DOT.fullmatch(text) else _bare(text)
            commas += SURE_COMMA.fullmatch(bare) is not None
            dots += SURE_DOT.fullmatch(bare) is not None
    if commas != dots:
        return "," if commas > dots else "."
    return "," if separator == ";" else None


def _plain(text: str | None) -> float:
    # Python reads 1_000 as a number, but programs that write tables do not.
    if text is None or "_" in text or not _may_be_number(text):
        return np.nan
    try:
        return float(text)
    except ValueError:
        return np.nan


def _may_be_number(text: str) -> bool:
    return 0 < len(text) <= LONGEST_NUMBER


def _bare(text: str) -> str:
    """A number without its signs: "(1 200 €)" is -1200."""
    if match := NEGATIVE.fullmatch(text):
        inner = _bare(match[1])
        return "-" + inner if inner[:1].isdigit() else text
    bare = SIGNS.sub(r"\1", BOUND.sub("", text, 1).replace("−", "-"))
    return SPACED.sub("", bare)


def _unit(bare: Mapping[str, str], counts: Mapping[str, int]) -> str | None:
    """The unit that nearly all cells end with, as in "5 kg" and "12 kg"; None without one."""
    units: Counter[str] = Counter()
    for text, each in bare.items():
        units[match[1] if (match := UNIT.search(each)) else ""] += counts[text]
    unit, count = units.most_common(1)[0] if units else ("", 0)
    return unit if unit and count > MOST * units.total() else None


def _share(pattern: re.Pattern[str], bare: Mapping[str, str], counts: Mapping[str, int]) -> float:
    """The share of the cells that have this form."""
    found = sum(n for text, n in counts.items() if pattern.fullmatch(bare.get(text, text)))
    return found / sum(counts.values())
