"""Names that a package exports and imports only when they are first asked for (PEP 562).

So `import stateserve` needs neither torch nor httpx, and a command imports what it uses.
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_exports(package: str, names: Mapping[str, tuple[str, ...]]) -> Callable[[str], object]:
    """The package's `__getattr__`; `names` has the exported names of each of its modules."""
    homes = {name: module for module, exported in names.items() for name in exported}

    def load(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return load
