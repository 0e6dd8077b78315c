"""Classes that are perhaps spellings of one class."""

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


def about_spellings(counts: Mapping[str, int]) -> list[str]:
    """Notes about classes, with their rows, that differ by case, spaces or accents only, and about
    rare ones near a frequent one. Nothing is merged."""
    groups: dict[str, list[str]] = {}
    for label in sorted(counts, key=lambda each: (-counts[each], each)):
        groups.setdefault(_plain(label), []).append(label)
    notes = [
        f"classes {_listed(labels, counts)} differ by case, spaces or accents only: "
        "perhaps they are one class; they are not merged"
        for labels in groups.values()
        if len(labels) > 1
    ]
    for plain, (label, *_) in groups.items():
        others = [each for each, (first, *_) in groups.items() if _is_rare(label, first, counts)]
        words = label.isalpha() and len(label) >= LEAST_LETTERS
        if near := get_close_matches(plain, others, 1, NEAR) if words else []:
            what = f"is perhaps a typing error of {groups[near[0]][0]!r}; they are not merged"
            notes.append(f"class {_listed([label], counts)} {what}")
    if len(notes) > MOST_NOTES:
        notes[MOST_NOTES:] = [f"and {len(notes) - MOST_NOTES} more such classes"]
    return notes


def _plain(label: str) -> str:
    """Without case, spaces and accents."""
    letters = unicodedata.normalize("NFKD", label.casefold())
    plain = "".join(each for each in letters if not unicodedata.combining(each))
    return "".join(plain.split()) or label


def _is_rare(label: str, other: str, counts: Mapping[str, int]) -> bool:
    return counts[label] < RARE * counts[other]


def _listed(labels: list[str], counts: Mapping[str, int]) -> str:
    return ", ".join(f"{label[:40]!r} ({counts[label]} rows)" for label in labels[:MOST_NOTES])
