"""Texts that are perhaps spellings of one: classes, and the values of a category."""

import unicodedata
from collections.abc import Mapping
from difflib import get_close_matches

# With a smaller share of the rows of a near one, a class is perhaps a typing error.
RARE = 0.1
# Of class names with so many letters, one or two that differ are no other word.
LEAST_LETTERS = 3
# The least ratio of difflib: of Yes and Yse it is 2/3.
NEAR = 0.65
MOST_NOTES = 5
# Köln is Koeln, too.
WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})


def about_classes(counts: Mapping[str, int]) -> list[str]:
    """Notes about classes, with their rows, that differ by case, spaces or accents only, and about
    rare ones near a frequent one. Nothing is merged."""
    groups = _groups(counts)
    notes = _of_groups(groups, counts, "classes", "class")
    for plain, (label, *_) in groups.items():
        others = [each for each, (first, *_) in groups.items() if _is_rare(label, first, counts)]
        words = label.isalpha() and len(label) >= LEAST_LETTERS
        if near := get_close_matches(plain, others, 1, NEAR) if words else []:
            what = f"is perhaps a typing error of {groups[near[0]][0]!r}; they are not merged"
            notes.append(f"class {_listed([label], counts)} {what}")
    return _first(notes, "classes")


def about_values(counts: Mapping[str, int]) -> list[str]:
    """Notes about the values of a category, with their rows, that differ by case, spaces or accents
    only. Nothing is merged."""
    return _first(_of_groups(_groups(counts), counts, "values", "value"), "values")


def _groups(counts: Mapping[str, int]) -> dict[str, list[str]]:
    """The texts by what is left without case, spaces and accents, the most frequent first."""
    ordered = sorted(counts, key=lambda each: (-counts[each], each))
    plain = {label: _plain(label) for label in ordered}
    known = set(plain.values())
    groups: dict[str, list[str]] = {}
    for label in ordered:
        written_out = _plain(label.casefold().translate(WRITTEN_OUT))
        key = written_out if written_out in known else plain[label]
        groups.setdefault(key, []).append(label)
    return groups


def _of_groups(
    groups: Mapping[str, list[str]], counts: Mapping[str, int], several: str, one: str
) -> list[str]:
    return [
        f"{several} {_listed(labels, counts)} differ by case, spaces or accents only: "
        f"perhaps they are one {one}; they are not merged"
        for labels in groups.values()
        if len(labels) > 1
    ]


def _first(notes: list[str], several: str) -> list[str]:
    more = len(notes) - MOST_NOTES
    return [*notes[:MOST_NOTES], *([f"and {more} more such {several}"] if more > 0 else [])]


def _plain(label: str) -> str:
    """Without case, spaces and accents."""
    letters = unicodedata.normalize("NFKD", label.casefold())
    plain = "".join(each for each in letters if not unicodedata.combining(each))
    return "".join(plain.split()) or label


def _is_rare(label: str, other: str, counts: Mapping[str, int]) -> bool:
    return counts[label] < RARE * counts[other]


def _listed(labels: list[str], counts: Mapping[str, int]) -> str:
    return ", ".join(f"{label[:40]!r} ({counts[label]} rows)" for label in labels[:MOST_NOTES])
