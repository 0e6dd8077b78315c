"""Tables from files and texts: which cells there are, and what they mean for a model.

Training, `stateserve predict`, the client and the service read by these rules alone. Raises
TableError, one line that names file, column and row. Knows no pandas and no HTTP.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from stateserve.tables.cells import TRUTHS as TRUTHS
    from stateserve.tables.cells import exact_number as exact_number
    from stateserve.tables.cells import read_value as read_value
    from stateserve.tables.classes import ClassDtype as ClassDtype
    from stateserve.tables.classes import class_dtype as class_dtype
    from stateserve.tables.classes import typed_classes as typed_classes
    from stateserve.tables.instances import TableInstances as TableInstances
    from stateserve.tables.instances import Wanted as Wanted
    from stateserve.tables.instances import read_instances as read_instances
    from stateserve.tables.numbers import INEXACT as INEXACT
    from stateserve.tables.numbers import LEADING_ZERO as LEADING_ZERO
    from stateserve.tables.numbers import MISSING_NUMBERS as MISSING_NUMBERS
    from stateserve.tables.numbers import NUMBERS as NUMBERS
    from stateserve.tables.numbers import Mark as Mark
    from stateserve.tables.reading import read_sheet as read_sheet
    from stateserve.tables.reading import read_text as read_text
    from stateserve.tables.scores import Score as Score
    from stateserve.tables.scores import Truth as Truth
    from stateserve.tables.scores import score_classes as score_classes
    from stateserve.tables.scores import score_values as score_values
    from stateserve.tables.sheet import Column as Column
    from stateserve.tables.sheet import Sheet as Sheet
    from stateserve.tables.sheet import about_other_texts as about_other_texts
    from stateserve.tables.sheet import clean as clean
    from stateserve.tables.sheet import loose as loose
    from stateserve.tables.trained_rows import keep_hashes as keep_hashes

__getattr__ = lazy_exports(
    __name__,
    {
        "cells": ("TRUTHS", "exact_number", "read_value"),
        "classes": ("ClassDtype", "class_dtype", "typed_classes"),
        "instances": ("TableInstances", "Wanted", "read_instances"),
        "numbers": ("INEXACT", "LEADING_ZERO", "MISSING_NUMBERS", "NUMBERS", "Mark"),
        "reading": ("read_sheet", "read_text"),
        "scores": ("Score", "Truth", "score_classes", "score_values"),
        "sheet": ("Column", "Sheet", "about_other_texts", "clean", "loose"),
        "trained_rows": ("keep_hashes",),
    },
)
