"""The structure of a program's inputs and outputs: nested tuples, lists and dicts of tensors."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from stateserve.errors import UnsafeCheckpoint
from stateserve.json_document import read_json
from stateserve.model.architectures.exported_program.json_value import Value

DEEPEST = 20
PROTOCOL = 1
Kind = Literal["tuple", "list", "dict"]
SEQUENCES: dict[str, Kind] = {
    "builtins.tuple": "tuple",
    "builtins.list": "list",
    "torch.fx.immutable_collections.immutable_list": "list",
}
DICTS = (
    "builtins.dict",
    "collections.OrderedDict",
    "torch.fx.immutable_collections.immutable_dict",
)
NAMED_TUPLE = "collections.namedtuple"
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Tree:
    """A leaf has no `keys`. Keys are names in a dict, and positions in a tuple or a list."""

    kind: Kind | None = None
    keys: tuple[str | int, ...] = ()
    children: tuple["Tree", ...] = ()

    def leaves(self) -> list[Path]:
        """The path of each leaf, in the order of the program's inputs or outputs."""
        if self.kind is None:
            return [()]
        return [
            (key, *path)
            for key, child in zip(self.keys, self.children, strict=True)
            for path in child.leaves()
        ]

    def build(self, leaves: Iterator[object]) -> object:
        """The structure with the next of `leaves` at each leaf."""
        if self.kind is None:
            return next(leaves)
        built = [child.build(leaves) for child in self.children]
        if self.kind == "dict":
            return dict(zip(self.keys, built, strict=True))
        return tuple(built) if self.kind == "tuple" else built


def read_tree(value: Value, named_tuples: dict[str, list[str]]) -> Tree:
    """Read a tree spec, a JSON document in a string.

    A named tuple and an output class with named fields become a dict; no class is imported.
    Raises UnsafeCheckpoint for every other type.
    """
    document = Value.parse(value.text(longest=10**6).encode(), value.place)
    protocol, *trees = document.items()
    if protocol.integer() != PROTOCOL or len(trees) != 1:
        raise document.refused(f"a tree spec of protocol {PROTOCOL}")
    return _read(trees[0], named_tuples, DEEPEST)


def _read(value: Value, named_tuples: dict[str, list[str]], depth: int) -> Tree:
    if not depth:
        raise UnsafeCheckpoint(f"{value.place:.200}: structures are nested too deep")
    fields = value.record("children_spec", optional=["type", "context"])
    children = tuple(
        _read(child, named_tuples, depth - 1) for child in fields["children_spec"].items()
    )
    if "type" not in fields:
        return Tree()
    kind = fields["type"].text()
    if kind in SEQUENCES:
        return Tree(SEQUENCES[kind], tuple(range(len(children))), children)
    keys = _keys(kind, fields.get("context"), named_tuples)
    if keys is None or not len(children) == len(keys) == len(set(keys)):
        raise UnsafeCheckpoint(
            f"{value.place:.200}: a structure of type {kind!r:.100} is not accepted; accepted are "
            "tuple, list, dict and classes with named fields"
        )
    return Tree("dict", tuple(keys), children)


def _keys(
    kind: str, context: Value | None, named_tuples: dict[str, list[str]]
) -> list[str | int] | None:
    """The names of the children. The context is JSON in a string."""
    text = "null" if context is None else context.text(longest=10**5)
    if kind == NAMED_TUPLE:
        return list(named_tuples.get(text, ())) or None
    try:
        parsed = read_json(text)
    except ValueError:
        return None
    if kind not in DICTS and isinstance(parsed, list) and len(parsed) == 2:
        # A dataclass has the names of its fields, and the names of those that are None.
        parsed = parsed[0] if isinstance(parsed[0], list) else parsed
    if isinstance(parsed, list) and all(type(key) in (str, int) for key in parsed):
        return [key for key in parsed if isinstance(key, str | int)]
    return None
