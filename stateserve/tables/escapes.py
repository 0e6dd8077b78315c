"""Cells as other programs protect them: backslashes of MySQL, formulas of Excel."""

import re

# Where quotes are doubled, no other text follows a quote after a backslash.
ESCAPED = re.compile(r"\\\"[^\",;|\t\n]")
LAST_ESCAPED = re.compile(r"\\\"\"[,;|\t\n]")
DOUBLED = re.compile(r"(?<![,;|\t\n\\\"])\"\"")
NULL = re.compile(r"(?<![^,;|\t\n])\\N(?![^,;|\t\n])")
# Excel keeps the zeros of ="00123".
FORMULA = re.compile(r"(?<![^,;|\t\n])=(\"[^\"\n]*\")(?![^,;|\t\n])")


def plain_cells(text: str) -> tuple[str, str | None]:
    """The text with quotes as Excel and Python write them, doubled, and a note if it had others."""
    if '="' in text:
        text = FORMULA.sub(r"\1", text)
    if '\\"' not in text or not _has_escapes(text):
        return text, None
    # \N is a missing value, and no escaped letter.
    text = re.sub(r"\\(.)", _unescaped, NULL.sub("NULL", text), flags=re.DOTALL)
    return text, "a backslash protects quotes and other characters"


def _has_escapes(text: str) -> bool:
    if ESCAPED.search(text):
        return True
    return LAST_ESCAPED.search(text) is not None and DOUBLED.search(text) is None


def _unescaped(found: re.Match[str]) -> str:
    return {'"': '""', "n": "\n", "r": "\n", "t": "\t", "0": ""}.get(found[1], found[1])
