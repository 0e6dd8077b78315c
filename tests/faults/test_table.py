"""docs/faults.md: each row names a test, and each test exists."""

import ast
import functools
import re

from tests.project import ROOT

REFERENCE = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
TEXT = (ROOT / "docs" / "faults.md").read_text()
ROWS = [
    line
    for line in TEXT.partition("## Figures")[0].splitlines()
    if line.startswith("| ") and not line.startswith(("| ---", "| input |", "| fault |"))
]


@functools.cache
def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {each.name for each in tree.body if isinstance(each, kinds)}


def test_each_row_names_a_test_that_is_there() -> None:
    assert len(ROWS) >= 50
    for row in ROWS:
        references = REFERENCE.findall(row)
        assert references, row
        # The last cell contains only names of tests, so a misspelt name is an error.
        assert row.split(" | ")[-1].count("`") == 2 * len(references), row
        for file, name in references:
            assert name in functions_of(file), row
