"""docs/security.md is true: its tests exist, and its table is that of the code."""

import ast
import re

from app.api.auth.route_scopes import SCOPES, below_model
from tests.project import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()


def rows_after(heading: str) -> list[list[str]]:
    """The cells of the first table with these column headings."""
    table = PAGE[PAGE.index(heading) :].partition("\n\n")[0].splitlines()[2:]
    assert table
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table]


def functions_in(path: str) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    module = ast.parse((ROOT / path).read_text())
    return {node.name for node in module.body if isinstance(node, functions)}


def test_every_risk_names_a_test_that_exists() -> None:
    for risk, _, shown in rows_after("| risk | what stops it | shown by |"):
        named = re.findall(r"`([^`]+)::([^`]+)`", shown)
        assert named, risk
        for path, name in named:
            assert name in functions_in(path), (risk, name)


def test_the_scopes_are_those_of_the_code() -> None:
    documented = {
        below_model(route): None if scope == "none" else scope
        for scope, routes, _ in rows_after("| scope | routes | |")
        for route in re.findall(r"`([^`]+)`", routes)
    }
    assert documented == SCOPES
