"""Trees of modules, with the modules of torch as the oracle."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stateserve.inspect.tree import MAX_DEPTH, Node, cut, module_tree, prune


@dataclass(frozen=True)
class Outline:
    name: str
    shape: list[int]
    dtype: str = "float32"
    kind: str = "parameter"

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        return 4 * self.elements


def tree_of(module: nn.Module, **options: bool) -> Node:
    return module_tree(
        [Outline(n, list(t.shape)) for n, t in module.state_dict().items()], **options
    )


def lines(node: Node, indent: str = "") -> Iterator[str]:
    for child in node.children:
        name = child.name if child.times == 1 else f"{child.name} ... {child.last} ({child.times})"
        yield f"{indent}{name}{'' if child.shape is None else f' {child.shape}'}"
        yield from lines(child, indent + "  ")


class Encoder(nn.Module):
    def __init__(self, layers: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(4, 4)) for _ in range(layers))
        self.head = nn.Linear(4, 2)


def test_repeated_siblings_are_one_line() -> None:
    assert list(lines(tree_of(Encoder(12)))) == [
        "embed",
        "  weight [5, 4]",
        "layers.0.0 ... layers.11.0 (12)",
        "  weight [4, 4]",
        "  bias [4]",
        "head",
        "  weight [2, 4]",
        "  bias [2]",
    ]


def test_sums_are_those_of_all_that_a_node_stands_for() -> None:
    module = Encoder(12)
    root = tree_of(module)
    layers = root.children[1]
    assert layers.elements == sum(p.numel() for p in module.layers.parameters())
    assert (layers.tensors, layers.bytes) == (24, 4 * layers.elements)
    assert layers.children[0].elements == 16
    assert root.dtypes == {"float32": sum(p.numel() for p in module.parameters())}


def test_siblings_of_other_shapes_names_or_dtypes_are_apart() -> None:
    names = [f"h.{n}.w" for n in range(9)]
    outlines = [Outline(name, [2]) for name in names]
    outlines[3] = Outline("h.3.w", [2], "float16")
    outlines[4] = Outline("h.4.v", [2])
    outlines[5] = Outline("h.5.w", [3])
    assert [line for line in lines(module_tree(outlines)) if "[" not in line] == [
        *("h", "  0 ... 2 (3)", "  3", "  4", "  5", "  6 ... 8 (3)")
    ]


def test_numbers_are_in_order_whatever_the_order_of_the_file() -> None:
    names = sorted(f"block{n}.w" for n in range(12))
    assert names[1] == "block1.w"
    assert list(lines(module_tree([Outline(name, [1]) for name in names]))) == [
        *("block0 ... block11 (12)", "  w [1]")
    ]


def test_a_name_of_thousands_of_digits_is_a_name() -> None:
    digits = "7" * 5000
    root = module_tree([Outline(f"h{digits}{n}.w", [1]) for n in range(3)])
    assert list(lines(root)) == [f"h{digits}0 ... h{digits}2 (3)", "  w [1]"]


def test_experts_in_layers_are_folded_twice() -> None:
    names = [f"layers.{n}.experts.{e}.w" for n in range(3) for e in range(4)]
    root = module_tree([Outline(name, [2, 3]) for name in names])
    assert list(lines(root)) == [
        "layers.0 ... layers.2 (3)",
        "  experts.0 ... experts.3 (4)",
        "    w [2, 3]",
    ]
    # Sums below a folded module are those of one of them.
    assert [root.elements, root.children[0].elements] == [72, 72]
    assert root.children[0].children[0].elements == 24


def test_tensors_of_a_list_and_recurrent_layers_are_folded_too() -> None:
    assert list(lines(tree_of(nn.LSTM(3, 3, 3)))) == [
        "weight_ih_l0 ... weight_ih_l2 (3) [12, 3]",
        "weight_hh_l0 ... weight_hh_l2 (3) [12, 3]",
        "bias_ih_l0 ... bias_ih_l2 (3) [12]",
        "bias_hh_l0 ... bias_hh_l2 (3) [12]",
    ]


def test_a_tensor_and_a_module_may_have_one_name() -> None:
    root = module_tree([Outline("a", [1]), Outline("a.b", [2]), Outline("", [3])])
    assert list(lines(root)) == ["a [1]", " [3]", "a", "  b [2]"]


def test_all_is_listed_unless_folded_and_pruning_keeps_sums() -> None:
    whole = tree_of(Encoder(3), fold=False)
    assert sum("[" in line for line in lines(whole)) == len(Encoder(3).state_dict())
    assert list(lines(prune(whole, 1))) == ["embed", "layers", "head"]
    assert prune(whole, 1).elements == whole.elements
    assert list(lines(prune(whole, 0))) == []


def test_a_very_long_name_is_no_deep_recursion() -> None:
    node = module_tree([Outline("a." * 100_000, [1])], fold=False)
    depth = 0
    while node.children:
        [node], depth = node.children, depth + 1
    assert depth == MAX_DEPTH + 1


names = st.lists(st.sampled_from(["a", "b", "0", "1", "10", ""]), min_size=1, max_size=4)


@pytest.mark.parametrize("fold", [True, False])
@given(st.dictionaries(names.map(".".join), st.lists(st.integers(0, 2), max_size=2), max_size=12))
def test_sums_are_the_same_folded_or_not(fold: bool, shapes: dict[str, list[int]]) -> None:
    outlines = [Outline(name, shape) for name, shape in shapes.items()]
    root = module_tree(outlines, fold=fold)

    def unfolded(node: Node, times: int) -> tuple[int, int]:
        if node.shape is not None:
            return node.times * times, math.prod(node.shape) * node.times * times
        sums = [unfolded(child, times * node.times) for child in node.children]
        return sum(tensors for tensors, _ in sums), sum(elements for _, elements in sums)

    expected = (len(outlines), sum(outline.elements for outline in outlines))
    assert unfolded(root, 1) == expected == (root.tensors, root.elements)


def test_kinds_are_told_apart_and_counted() -> None:
    tensors = [Outline(f"h.{n}.w", [2]) for n in range(3)]
    tensors += [Outline(f"h.{n}.mean", [5], kind="buffer") for n in range(3)]
    assert module_tree(tensors).kinds == {"parameter": 6, "buffer": 15}


def test_a_tree_is_cut_at_a_number_of_nodes() -> None:
    tree = tree_of(Encoder(3), fold=False)

    def count(node: Node) -> int:
        return len(node.children) + sum(map(count, node.children))

    assert [count(cut(tree, most)) for most in (0, 3, 10, 11, 13, 99)] == [3, 3, 9, 9, 12, 18]
    assert cut(tree, 3).elements == tree.elements
