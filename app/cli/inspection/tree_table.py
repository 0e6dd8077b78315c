"""The tree of a state as a table for people."""

from itertools import groupby

from rich.table import Column, Table

from stateserve.inspect import Node

INDENT = "  "
# A module whose tensors have more shapes than this is shown over several lines.
MOST_SHAPES = 4
PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def tree_table(root: Node) -> Table:
    """A line for each module; a module of few tensors has them on its own line.

    Below a module that stands for several, the numbers are those of one of them.
    """
    right = [Column(name, justify="right") for name in ("elements", "bytes")]
    table = Table(
        Column("module", overflow="fold"), "tensors", *right, "dtype", box=None, pad_edge=False
    )
    for child in root.children:
        _add(table, child, 0, each=False)
    return table


def _add(table: Table, node: Node, level: int, *, each: bool) -> None:
    shapes = [str(node.shape)] if node.shape is not None else _shapes(node.children)
    inline = 0 < len(shapes) <= MOST_SHAPES
    suffix = " each" if each else ""
    table.add_row(
        INDENT * level + _name(node),
        ", ".join(shapes) if inline else counted(node.tensors, "tensor"),
        f"{node.elements:,}{suffix}",
        f"{size(node.bytes)}{suffix}",
        ", ".join(node.dtypes),
    )
    for child in node.children if not inline else ():
        _add(table, child, level + 1, each=each or node.times > 1)


def _name(node: Node) -> str:
    name = node.name or "''"
    return name if node.times == 1 else f"{name} ... {node.last} ({node.times} times)"


def _shapes(children: list[Node]) -> list[str]:
    """ "weight, bias [64]": names of one shape together; nothing unless all are tensors."""
    if any(child.shape is None for child in children):
        return []
    return [
        f"{', '.join(map(_name, group))} {shape}"
        for shape, group in groupby(children, lambda child: child.shape)
    ]


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(number: int) -> str:
    """Bytes in powers of 1000, with three digits."""
    value, at = float(number), 0
    while value >= 999.5 and at < len(PREFIXES) - 1:
        value, at = value / 1000, at + 1
    text = f"{number}" if at == 0 else f"{value:.3g}"
    return f"{text} {PREFIXES[at]}B"
