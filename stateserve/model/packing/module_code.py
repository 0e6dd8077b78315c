"""Find the code of a live module: the file of its class."""

import inspect
import json
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from pydantic import JsonValue
from torch import nn

from stateserve.errors import CodeFailed
from stateserve.model.architectures.code import ClassFile
from stateserve.model.architectures.code_folders import folders_of
from stateserve.model.architectures.code_import import ImportedCode, import_code
from stateserve.model.architectures.user_class import ORDINARY
from stateserve.model.packing.class_source import class_source

OTHERWISE = "name a file: code='nets.py:CLASS', or save a program of torch.export: program=True"
LIBRARIES = tuple(
    Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib", "stdlib")
)


def code_of(module: nn.Module, kwargs: Mapping[str, JsonValue] | None) -> ClassFile:
    """Import the class of `module` again, from its file, under a private name.

    Of a script, only what the class needs. Without `kwargs`, arguments of the class that the
    module has as attributes of their names are taken. Raises CodeFailed.
    """
    cls = type(module)
    name, home = cls.__qualname__, sys.modules.get(cls.__module__)
    if not name.isidentifier():
        raise CodeFailed(f"{name} is defined inside of another definition; {OTHERWISE}")
    file = getattr(home, "__file__", None)
    if home is None or file is None:
        raise CodeFailed(
            f"{name} is in no file: it was defined in a notebook or at a prompt; {OTHERWISE}"
        )
    path = Path(file)
    if any(path.resolve().is_relative_to(each) for each in LIBRARIES):
        raise CodeFailed(
            f"{name} is of the installed library {cls.__module__.partition('.')[0]}; write a file "
            f"with a function that makes the module, and {OTHERWISE}"
        )
    code = _import_script(path, name) if home.__name__ == "__main__" else _import(path, home)
    given = _attributes(module) if kwargs is None else kwargs
    return ClassFile(code, name, given)


def _import_script(path: Path, name: str) -> ImportedCode:
    try:
        source = class_source(path.read_text(), name, path.name)
    except (ValueError, SyntaxError, OSError) as error:
        raise CodeFailed(f"{path}: {error}; {OTHERWISE}") from None
    return import_code(path, folders_of(path), source=source.encode())


def _import(path: Path, home: ModuleType) -> ImportedCode:
    # The module `models.nets` was found in the folder above that of its file.
    module = path.parent if path.stem == "__init__" else path.with_suffix("")
    parts = home.__name__.split(".")
    if module.parts[-len(parts) :] != tuple(parts):
        return import_code(path, folders_of(path))
    root = module.parents[len(parts) - 1]
    return import_code(path, list(dict.fromkeys([root, path.parent])))


def _attributes(module: nn.Module) -> dict[str, JsonValue]:
    """The arguments of the module's class that it keeps as attributes, where they are JSON."""
    found: dict[str, JsonValue] = {}
    for each in inspect.signature(type(module)).parameters.values():
        value = getattr(module, each.name, None)
        if each.kind in ORDINARY and value is not None and _is_json(value):
            found[each.name] = value
    return found


def _is_json(value: object) -> bool:
    try:
        return bool(json.loads(json.dumps(value)) == value)
    except (TypeError, ValueError, RecursionError):
        return False
