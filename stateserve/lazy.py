"""Exports of a package that are imported at their first use (PEP 562).

So `import stateserve` needs neither torch nor httpx, and each command imports only what it uses.
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_exports(package: str, names: Mapping[str, tuple[str, ...]]) -> Callable[[str], object]:
    """Make the package's `__getattr__`; `names` maps each module to the names it exports."""
    homes = {name: module for module, exported in names.items() for name in exported}

    def load(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return load
