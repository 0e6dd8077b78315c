"""Decision trees as a module: where they split is state, and lies in buffers."""

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn

from stateserve.errors import StateMismatch

# A row passes so many nodes at most: more would delay the others.
MOST_DEPTH = 64


class Trees(nn.Module):
    """Decision trees; the score of a row is the sum of the leaves that it comes to.

    The nodes of all trees are in one list. Node i compares the input `column[i]` with
    `threshold[i]`: the next node is `child[i, 0]`, or `child[i, 1]` if the input is greater. Both
    children of a leaf are the leaf itself.

    - `root` int32 (trees,): the first node of each tree.
    - `column` int32 (nodes,), `threshold` float32 (nodes,) and `child` int32 (nodes, 2).
    - `depth` int64 (depths,): the number of nodes that are the first, the second, ... of a path.
    - the parameter `value` float32 (nodes, outputs): what a leaf adds to the score; else 0.

    The splits are chosen when the trees are grown: no optimizer trains a buffer.
    """

    root: Tensor
    column: Tensor
    threshold: Tensor
    child: Tensor
    depth: Tensor

    def __init__(self, trees: int, nodes: int, depths: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("root", torch.zeros(trees, dtype=torch.int32))
        self.register_buffer("column", torch.zeros(nodes, dtype=torch.int32))
        self.register_buffer("threshold", torch.zeros(nodes))
        self.register_buffer("child", torch.zeros(nodes, 2, dtype=torch.int32))
        self.register_buffer("depth", torch.zeros(depths, dtype=torch.int64))
        self.value = nn.Parameter(torch.zeros(nodes, outputs))

    @classmethod
    def sized_as(cls, state: Mapping[str, Tensor], prefix: str, outputs: int) -> Self | None:
        """Trees of the sizes of those in a state, whose names begin with `prefix`; or None."""
        found = [state.get(prefix + name) for name in ("root", "column", "depth")]
        if all(each is None for each in found):
            return None
        trees, nodes, depths = (1 if e is None or not e.dim() else len(e) for e in found)
        return cls(trees, nodes, depths, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map float32 (rows, inputs) to scores (rows, outputs)."""
        rows, trees = inputs.shape[0], len(self.root)
        numbers, children = inputs.flatten(), self.child.flatten()
        # The place of the row's first input, once for each of its trees.
        start = torch.arange(rows, device=inputs.device).mul(inputs.shape[1])
        start = start[:, None].expand(-1, trees).flatten()
        node = self.root.expand(rows, -1).flatten()
        for _ in range(len(self.depth) - 1):
            asked = numbers.index_select(0, start + self.column.index_select(0, node))
            greater = asked > self.threshold.index_select(0, node)
            node = children.index_select(0, torch.add(greater, node, alpha=2))
        leaves = self.value.index_select(0, node)
        return leaves.view(rows, trees, leaves.shape[1]).sum(dim=1)

    def require_places(self, inputs: int) -> None:
        """Raise StateMismatch for an index outside of the nodes or the inputs, or for trees that
        are too deep."""
        nodes = len(self.column)
        for name, most in (("root", nodes - 1), ("column", inputs - 1), ("child", nodes - 1)):
            found: Tensor = getattr(self, name)
            if len(found) and not 0 <= int(found.min()) <= int(found.max()) <= most:
                raise StateMismatch(f"trees.{name} has a place outside of 0 to {most}")
        if len(self.depth) > MOST_DEPTH:
            raise StateMismatch(f"trees.depth has {len(self.depth)} depths, more than {MOST_DEPTH}")
