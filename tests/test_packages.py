"""Packages: contracts, imports, and size."""

import ast
from pathlib import Path

import pytest

from tests.project import ROOT

MOST_MODULES = 20
MOST_LINES = 4
MODULES = [
    path
    for top in ("app", "stateserve", "training", "benchmarks")
    for path in sorted((ROOT / top).rglob("*.py"))
    # Not the environments of other servers.
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
]
CONTRACTS = [path for path in MODULES if path.name == "__init__.py"]
FOLDERS = sorted({path.parent for path in [*MODULES, *(ROOT / "app" / "page").rglob("*.js")]})


def in_project(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported(tree: ast.Module) -> set[str]:
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name}


@pytest.mark.parametrize("path", MODULES, ids=in_project)
def test_a_module_imports_from_another_package_what_its_init_exports(path: Path) -> None:
    package = path.relative_to(ROOT).parts[:2]
    for name in imported(parsed(path)):
        parts = tuple(name.split("."))
        # All packages of app may import modules such as app.errors.
        inner = len(parts) > 2 and ROOT.joinpath(*parts).with_suffix(".py").exists()
        assert not inner or parts[:2] == package, f"import it from {'.'.join(parts[:2])}: {name}"


@pytest.mark.parametrize("path", CONTRACTS, ids=in_project)
def test_a_package_states_its_contract_in_a_few_lines(path: Path) -> None:
    contract = ast.get_docstring(parsed(path))
    assert contract
    assert len(contract.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", CONTRACTS, ids=in_project)
def test_the_names_that_a_package_loads_are_those_that_its_types_show(path: Path) -> None:
    shown: dict[str, set[str]] = {}
    loaded: dict[str, set[str]] = {}
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for line in node.body:
                assert isinstance(line, ast.ImportFrom)
                names = shown.setdefault(str(line.module), set())
                names.update(alias.name for alias in line.names)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy_exports":
            package = ".".join(path.relative_to(ROOT).parent.parts)
            exports = ast.literal_eval(node.args[1]).items()
            loaded = {f"{package}.{module}": set(names) for module, names in exports}
    assert loaded == shown


@pytest.mark.parametrize("folder", FOLDERS, ids=in_project)
def test_a_folder_has_few_modules(folder: Path) -> None:
    modules = [*folder.glob("*.py"), *folder.glob("*.js")]
    assert len([path for path in modules if path.name != "__init__.py"]) <= MOST_MODULES
