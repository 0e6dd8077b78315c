"""Joins the page's ES modules into one script, so that a browser sends one request for them.

Each module becomes a function that is called once and returns its exports, so names of different
modules cannot clash. Modules import only their own neighbours, without cycles, and export only
functions, classes and constants where they are declared: Biome and the errors below enforce it.
"""

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

IMPORT = re.compile(r'^import (\{[^}]*\}) from "(\..+?)";$', re.MULTILINE)
EXPORT = re.compile(r"^export ((?:async )?function|class|const) (\w+)", re.MULTILINE)
OTHER = re.compile(r"^(import|export)\b.*", re.MULTILINE)
# Lines of types are for the checker and for readers: a sixth of what a browser would receive.
TYPES = re.compile(r"^[ \t]*/\*\*.*\*/$", re.MULTILINE)


@dataclass(frozen=True)
class Script:
    """`source_map` is version 3 with an index: each line is the same line of its module."""

    text: str
    source_map: str


def join_modules(modules: Mapping[str, str], entry: str) -> Script:
    """`entry` and all modules that it imports, each before the first that needs it.

    `modules` has texts by path. Raises ValueError for an import or export in another form.
    """
    order: list[str] = []
    _visit(modules, entry, order)
    pieces, sections, line = [], [], 0
    for path in order:
        text = _as_function(path, modules[path], order)
        lines = text.count("\n")
        mappings = "AAAA" + ";AACA" * (lines - 1)
        part = {"version": 3, "sources": [path], "names": [], "mappings": mappings}
        sections.append({"offset": {"line": line, "column": 0}, "map": part})
        pieces.append(text)
        line += lines
    return Script("".join(pieces), json.dumps({"version": 3, "sections": sections}))


def _visit(modules: Mapping[str, str], path: str, order: list[str]) -> None:
    for found in IMPORT.finditer(modules[path]):
        imported = _resolve(path, found[2])
        if imported not in order:
            _visit(modules, imported, order)
    order.append(path)


def _as_function(path: str, text: str, order: list[str]) -> str:
    """The module as a declaration: its lines, and one more."""
    exported = [found[2] for found in EXPORT.finditer(text)]
    text = TYPES.sub("", text)
    body = EXPORT.sub(r"\1 \2", IMPORT.sub(lambda found: _taken(path, found, order), text))
    if other := OTHER.search(body):
        raise ValueError(f"{path}: {other[0]!r}: not a form that the page's modules use")
    returned = f"return {{ {', '.join(exported)} }};" if exported else ""
    return f"const {_name(path, order)} = (() => {{ {body.rstrip()}\n{returned} }})();\n"


def _taken(path: str, found: re.Match[str], order: list[str]) -> str:
    """`import { a as b } from "./c.js"` as a declaration of the same names."""
    return f"const {found[1].replace(' as ', ': ')} = {_name(_resolve(path, found[2]), order)};"


def _resolve(path: str, imported: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), imported))


def _name(path: str, order: list[str]) -> str:
    return f"$module{order.index(path)}"
