"""The dtype of a column of classes, from their texts."""

import math
from collections.abc import Sequence
from typing import Literal

from stateserve.tables.numbers import LEADING_ZERO

ClassDtype = Literal["bool", "int64", "float64"]


def class_dtype(classes: Sequence[str]) -> ClassDtype | None:
    """That of integers, other numbers or booleans, as pandas.read_csv has it; None for texts,
    codes such as 01067, and numbers that no dtype tells apart."""
    if {text.lower() for text in classes} <= {"true", "false"}:
        return "bool"
    if any(map(LEADING_ZERO.fullmatch, classes)):
        return None
    try:
        numbers = [float(text) for text in classes]
    except ValueError:
        return None
    if any("_" in text for text in classes) or not all(map(math.isfinite, numbers)):
        return None
    integers = all(text.lstrip("+-").isdecimal() for text in classes)
    if integers and all(-(2**63) <= int(text) < 2**63 for text in classes):
        return "int64"
    return "float64" if len(set(numbers)) == len(classes) else None


def typed_classes(
    classes: Sequence[str], dtype: ClassDtype | None
) -> list[str | bool | int | float]:
    """The classes as values of this dtype."""
    if dtype == "bool":
        return [text.lower() == "true" for text in classes]
    return [*map({"int64": int, "float64": float}.get(dtype or "", str), classes)]
