"""The tree of modules in a state_dict: what each holds, folded where numbered siblings repeat."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from string import digits
from typing import NamedTuple, Protocol

MAX_DEPTH = 64
MAX_DIGITS = 18


class Outlined(Protocol):
    """A tensor without its values; `bytes` are those of its elements. EntryOutline is one."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> Sequence[int]: ...
    @property
    def dtype(self) -> str: ...
    @property
    def elements(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def kind(self) -> str: ...


@dataclass(frozen=True)
class Node:
    """A module, or a tensor if it has a shape.

    If `times` is more than 1, it stands for the siblings `name` to `last`, which have the same
    names, shapes and dtypes below them. The sums are over all of them: `elements` by dtype are
    `dtypes`, by kind ("parameter", "buffer") `kinds`. `children` are those of one of them.
    """

    name: str
    last: str
    times: int
    tensors: int
    elements: int
    bytes: int
    dtypes: dict[str, int]
    kinds: dict[str, int]
    shape: list[int] | None
    children: "list[Node]"


def module_tree(tensors: Iterable[Outlined], *, fold: bool = True) -> Node:
    """The tree of all tensors, by the dots in their names; its root has the name "".

    Numbered siblings are in the order of their numbers; others in the order of the state. Unless
    `fold` is false, neighbours of the same structure become one node, and a module that holds
    only another becomes one with it, as in "encoder.layers". Names are cut at MAX_DEPTH parts.
    """
    root = _Module()
    for tensor in tensors:
        module, parts = root, tensor.name.split(".", MAX_DEPTH)
        for part in parts[:-1]:
            module = module.modules.setdefault(part, _Module())
        module.tensors[parts[-1]] = tensor
    node, _ = _Builder(fold=fold).build("", root)
    return node


def prune(node: Node, depth: int) -> Node:
    """The tree without what is more than `depth` levels below the root; the sums stay."""
    kept = [prune(child, depth - 1) for child in node.children] if depth > 0 else []
    return replace(node, children=kept)


def cut(node: Node, most: int) -> Node:
    """The tree without its lowest levels, so that it has at most `most` nodes below the root.

    The children of the root stay in any case.
    """
    level, count, depth = node.children, len(node.children), 1
    while level := [child for each in level for child in each.children]:
        count += len(level)
        if count > most:
            return prune(node, depth)
        depth += 1
    return node


class _Module:
    """A state may have a tensor and a module of the same name."""

    def __init__(self) -> None:
        self.tensors: dict[str, Outlined] = {}
        self.modules: dict[str, _Module] = {}


class _Sibling(NamedTuple):
    """`structure` is a number: siblings must have the same one to be folded. `number` is that at
    the end of the name, -1 if there is none; `series` is what siblings in its order share."""

    node: Node
    structure: int
    series: tuple[str, bool]
    number: int


class _Builder:
    def __init__(self, *, fold: bool) -> None:
        self._fold = fold
        self._structures: dict[str, int] = {}

    def build(self, name: str, module: _Module) -> tuple[Node, int]:
        leaves = [_leaf(each, tensor) for each, tensor in module.tensors.items()]
        found = [_sibling(leaf, self._number((leaf.shape, leaf.dtypes))) for leaf in leaves]
        found += [_sibling(*self.build(each, inner)) for each, inner in module.modules.items()]
        found = _numbered_in_order(found)
        structure = self._number(sorted((each.node.name, each.structure) for each in found))
        children = list(_folded(found)) if self._fold else [each.node for each in found]
        return _sum(name, children), structure

    def _number(self, structure: object) -> int:
        return self._structures.setdefault(repr(structure), len(self._structures))


def _leaf(name: str, tensor: Outlined) -> Node:
    size = tensor.elements
    dtypes, kinds = {tensor.dtype: size}, {tensor.kind: size}
    return Node(name, name, 1, 1, size, tensor.bytes, dtypes, kinds, list(tensor.shape), [])


def _sum(name: str, children: list[Node]) -> Node:
    return Node(
        name=name,
        last=name,
        times=1,
        tensors=sum(child.tensors for child in children),
        elements=sum(child.elements for child in children),
        bytes=sum(child.bytes for child in children),
        dtypes=_added(child.dtypes for child in children),
        kinds=_added(child.kinds for child in children),
        shape=None,
        children=children,
    )


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            sums[name] = sums.get(name, 0) + count
    return sums


def _sibling(node: Node, structure: int) -> _Sibling:
    """ "layer12" has the number 12 in the series of "layer"."""
    stem = node.name.rstrip(digits)
    number = node.name[max(len(stem), len(node.name) - MAX_DIGITS) :]
    series = node.name.removesuffix(number), node.shape is None
    return _Sibling(node, structure, series, int(number or -1))


def _numbered_in_order(found: list[_Sibling]) -> list[_Sibling]:
    """Siblings such as 0, 1, 10, 2 sorted by number, at the place of the first of them."""
    places: dict[tuple[str, bool], int] = {}
    for each in found:
        places.setdefault(each.series, len(places))
    return sorted(found, key=lambda each: (places[each.series], each.number))


def _folded(found: list[_Sibling]) -> Iterator[Node]:
    """Runs of numbered siblings of one structure as one node each."""

    def run(each: _Sibling) -> object:
        return each.series, each.structure if each.number >= 0 else -1

    for _, group in groupby(found, run):
        yield _joined(_repeated([each.node for each in group]))


def _repeated(nodes: list[Node]) -> Node:
    first, times = nodes[0], len(nodes)
    if times == 1:
        return first
    return replace(
        first,
        last=nodes[-1].name,
        times=times,
        tensors=first.tensors * times,
        elements=first.elements * times,
        bytes=first.bytes * times,
        dtypes={dtype: elements * times for dtype, elements in first.dtypes.items()},
        kinds={kind: elements * times for kind, elements in first.kinds.items()},
    )


def _joined(node: Node) -> Node:
    """A module that holds only one other, as one node."""
    if len(node.children) != 1 or node.children[0].shape is not None:
        return node
    inner = node.children[0]
    if node.times > 1 and inner.times > 1:
        return node
    last = inner.name if node.times > 1 else inner.last
    return replace(
        node,
        name=f"{node.name}.{inner.name}",
        last=f"{node.last}.{last}",
        times=node.times * inner.times,
        children=inner.children,
    )
