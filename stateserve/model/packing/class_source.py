"""The source of one class of a script, without what else the script runs.

A training script without `if __name__ == "__main__":` would train again when it is imported.
"""

import ast
import symtable
from collections import defaultdict
from collections.abc import Iterator

MADE_OF = "# {name} and what it uses, taken out of {script} by stateserve.\n"
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def class_source(source: str, name: str, script: str) -> str:
    """The imports, definitions and assignments of `source` that the class `name` needs.

    Raises ValueError if the script defines no such class at its top level, or no valid Python.
    """
    tree = ast.parse(source)
    binding: dict[str, list[ast.stmt]] = defaultdict(list)
    for statement in tree.body:
        for bound in _bound(statement):
            binding[bound].append(statement)
    if not any(isinstance(each, ast.ClassDef) for each in binding[name]):
        raise ValueError(f"{script} defines no class {name} at its top level")
    lines = source.splitlines(keepends=True)
    text = {each: _text(each, lines) for each in tree.body}
    needed: set[ast.stmt] = {each for each in tree.body if _always(each)}
    names, seen = [name], {name}
    while names:
        for statement in binding[names.pop()]:
            needed.add(statement)
            new = {each for each in _globals(text[statement]) if each in binding} - seen
            names += new
            seen |= new
    parts = [text[each] for each in tree.body if each in needed]
    return MADE_OF.format(name=name, script=script) + "".join(parts)


def _always(statement: ast.stmt) -> bool:
    """Whether a statement changes the meaning of others, or binds names that are not known."""
    if not isinstance(statement, ast.ImportFrom):
        return False
    return statement.module == "__future__" or any(each.name == "*" for each in statement.names)


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement binds at the top level; those in an `if` or `try` included."""
    # Not the part of a script that its own run alone is for.
    pending: list[ast.AST] = [] if _is_main_guard(statement) else [statement]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]
        elif isinstance(node, Definition):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        else:
            pending += ast.iter_child_nodes(node)


def _is_main_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and any(
        isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test)
    )


def _globals(statement: str) -> Iterator[str]:
    """The names of the top level that a statement uses; a local variable is another."""
    tables = [symtable.symtable(statement, "<source>", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        top = table.get_type() == "module"
        yield from (s.get_name() for s in table.get_symbols() if top or s.is_global())


def _text(statement: ast.stmt, lines: list[str]) -> str:
    first = statement.lineno
    if isinstance(statement, Definition):
        first = min([first, *(each.lineno for each in statement.decorator_list)])
    text = "".join(lines[first - 1 : statement.end_lineno])
    gap = "\n\n" if isinstance(statement, Definition) else ""
    return f"{gap}{text.rstrip()}\n"
