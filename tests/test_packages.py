"""Packages: contracts, imports, and size."""

import ast
import functools
from pathlib import Path

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


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported(tree: ast.Module) -> set[str]:
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name}


# Loops, since each of a thousand parametrized tests would take its share of pytest's own time.
def test_a_module_imports_from_another_package_what_its_init_exports() -> None:
    for path in MODULES:
        package = path.relative_to(ROOT).parts[:2]
        for name in imported(parsed(path)):
            parts = tuple(name.split("."))
            # All packages of app may import modules such as app.errors.
            inner = len(parts) > 2 and ROOT.joinpath(*parts).with_suffix(".py").exists()
            right = ".".join(parts[:2])
            assert not inner or parts[:2] == package, f"{path}: import it from {right}: {name}"


def test_a_package_states_its_contract_in_a_few_lines() -> None:
    for path in CONTRACTS:
        contract = ast.get_docstring(parsed(path))
        assert contract, path
        assert len(contract.splitlines()) <= MOST_LINES, path


def test_the_names_that_a_package_loads_are_those_that_its_types_show() -> None:
    for path in CONTRACTS:
        shown, loaded = names_of_types(path)
        assert loaded == shown, path


def names_of_types(path: Path) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The names of each module under TYPE_CHECKING, and those of `lazy_exports`."""
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
    return shown, loaded


def test_a_folder_has_few_modules() -> None:
    for folder in FOLDERS:
        modules = [*folder.glob("*.py"), *folder.glob("*.js")]
        assert len([path for path in modules if path.name != "__init__.py"]) <= MOST_MODULES, folder
