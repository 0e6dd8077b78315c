"""Which programs are checked with their longest inputs alone."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from stateserve.errors import ForwardFailed
from stateserve.model.architectures.exported_program import read_program
from stateserve.model.architectures.exported_program.bounds.bounded_graph import BoundedGraph
from stateserve.model.architectures.exported_program.bounds.growth import grows_with_lengths
from tests.programs import exported

ROWS = torch.ones(3, 8)


class Function(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def graph_of(function: Callable[[Tensor], Tensor]) -> torch.fx.GraphModule:
    shapes = ({0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC},)
    program = torch.export.export(Function(function), (ROWS,), dynamic_shapes=shapes)
    module = program.module()
    assert isinstance(module, torch.fx.GraphModule)
    return module


GROWING: dict[str, Callable[[Tensor], Tensor]] = {
    "no length": lambda x: torch.relu(x) @ x.mT,
    "a product of lengths": lambda x: x.reshape(x.shape[0] * x.shape[1]),
    "a sum of lengths": lambda x: torch.zeros(x.shape[0] + x.shape[1]),
    "a slice between numbers": lambda x: x[:, 2:-1],
    "a slice from the end": lambda x: x[:, -2:],
    "the length of the tensor itself": lambda x: x[:1].expand(x.shape[0], -1),
    "a number of rows": lambda x: x.reshape(-1, 1),
    "halves": lambda x: x.chunk(2, dim=1)[1],
}
OTHERS: dict[str, Callable[[Tensor], Tensor]] = {
    "a difference": lambda x: torch.zeros(2**20 - x.shape[0]),
    "a quotient": lambda x: torch.zeros(2**20 // x.shape[0]),
    "a negative factor": lambda x: torch.zeros(2**20 + x.shape[0] * -1),
    "a slice from a length": lambda x: torch.arange(100)[x.shape[0] :],
    "the rest beside a length": lambda x: x.reshape(x.shape[0], -1),
    "a slice from the end to a number": lambda x: x[:, -4:4],
    "the last of three": lambda x: x.chunk(3, dim=1)[2],
    "a cut from the end": lambda x: torch.tensor_split(x, [-4, 4], dim=1)[1],
    "an axis of one": lambda x: x.squeeze(),
    "a condition": lambda x: torch.cond(x.shape[0] > 5, torch.sin, torch.cos, (x,)),
}


@pytest.mark.parametrize("name", GROWING)
def test_sizes_that_grow_with_lengths(name: str) -> None:
    assert grows_with_lengths(graph_of(GROWING[name]).graph)


@pytest.mark.parametrize("name", OTHERS)
def test_sizes_that_may_shrink(name: str) -> None:
    assert not grows_with_lengths(graph_of(OTHERS[name]).graph)


def test_inputs_within_checked_ones_are_run_at_once() -> None:
    graph = torch.fx.symbolic_trace(Function(lambda x: (torch.ops.aten.relu.default(x),)))
    plain = graph.forward
    unchecked: list[tuple[int, ...]] = []

    def forward(x: Tensor) -> object:
        unchecked.append(tuple(x.shape))
        return plain(x)

    graph.forward = forward
    bounded = BoundedGraph(graph)
    for shape in [(4, 2), (3, 2), (2, 3), (4, 3), (4, 2), (1, 1), (4, 3)]:
        (result,) = bounded.run([], [torch.full(shape, -1.0)])
        assert isinstance(result, Tensor)
        assert (result.shape, result.count_nonzero()) == (shape, 0)
    assert unchecked == [(3, 2), (4, 2), (1, 1), (4, 3)]


def test_a_size_that_grows_as_rows_become_fewer_is_checked() -> None:
    function = Function(lambda x: x.sum() + torch.zeros(2**34 // x.shape[0]).sum())
    shapes = ({0: torch.export.Dim.DYNAMIC},)
    program = read_program(exported(function, ROWS, dynamic_shapes=shapes), "model.pt2")
    program(torch.ones(4096, 8))
    with pytest.raises(ForwardFailed, match="more than 268435456 elements"):
        program(torch.ones(2, 8))
