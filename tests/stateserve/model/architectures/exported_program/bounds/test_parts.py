"""The number of tensors that an operator returns is known before it runs."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._ops import OpOverload

from stateserve.errors import ForwardFailed
from stateserve.model.architectures.exported_program.bounds.bounded_graph import BoundedGraph
from stateserve.model.architectures.exported_program.bounds.parts import part_count

aten = torch.ops.aten
X = torch.ones(6, 5, 4)
EMPTY = torch.ones(0, 0, 0)
CALLS: list[tuple[OpOverload, tuple[Any, ...]]] = [
    *((getattr(aten, f"atleast_{axes}d").Sequence, ([X, X],)) for axes in (1, 2, 3)),
    (aten.broadcast_tensors.default, ([X, X, X],)),
    (aten.meshgrid.default, ([X[0, 0], X[0, 0]],)),
    (aten.nonzero_numpy.default, (X,)),
    (aten.where.default, (X > 0,)),
    *((func, (X, number, -1)) for func in (aten.chunk.default, aten.unsafe_chunk.default)
      for number in (2, 9)),
    (aten.chunk.default, (EMPTY, 7)),
    (aten.unsafe_chunk.default, (EMPTY, 7)),
    *((func, (X, 2, 1)) for func in (
        aten.split.Tensor, aten.split_copy.Tensor, aten.unsafe_split.Tensor)),
    *((func, (X, [3, 0, 2], 1)) for func in (
        aten.split.sizes, aten.split_with_sizes.default, aten.split_with_sizes_copy.default,
        aten.unsafe_split_with_sizes.default)),
    *((func, (EMPTY, 9)) for func in (aten.hsplit.int, aten.vsplit.int, aten.dsplit.int)),
    *((func, (X, [1, 2])) for func in (aten.hsplit.array, aten.vsplit.array, aten.dsplit.array)),
    (aten.tensor_split.sections, (EMPTY, 9)),
    (aten.tensor_split.indices, (X, [1, 5, 2], 1)),
    (aten.tensor_split.tensor_indices_or_sections, (X, torch.tensor(9))),
    (aten.tensor_split.tensor_indices_or_sections, (X, torch.tensor([3, 1]))),
    (aten.unbind.int, (X, 1)),
    (aten.unbind_copy.int, (X,)),
]  # fmt: skip


@pytest.mark.parametrize(("func", "args"), CALLS, ids=lambda value: str(value)[:50])
def test_no_operator_returns_more_parts_than_counted(
    func: OpOverload, args: tuple[Any, ...]
) -> None:
    parts = func(*args)
    assert len(parts) <= part_count(func, args)
    names = [each.name for each in func._schema.arguments]
    by_name = dict(reversed(list(zip(names, args, strict=False))))
    assert part_count(func, (), by_name) == part_count(func, args)


def bounded(function: Callable[[Tensor], Tensor]) -> BoundedGraph:
    """A function of operators, which torch.export would take apart."""
    return BoundedGraph(torch.fx.symbolic_trace(lambda x: (function(x),)))


def test_parts_that_depend_on_values_are_counted_in_each_run() -> None:
    def part_by_value(x: Tensor) -> Tensor:
        count = aten.max.default(aten._to_copy.default(x, dtype=torch.int64))
        return aten.tensor_split.tensor_indices_or_sections(x, count, 1)[0]

    graph = bounded(part_by_value)
    (part,) = graph.run([], [torch.full((1, 4), 2.0)])
    assert isinstance(part, Tensor)
    assert part.shape == (1, 2)
    with pytest.raises(ForwardFailed, match="indices_or_sections gives more than 65536 results"):
        graph.run([], [torch.full((1, 4), 2.0**27)])


def test_sizes_of_parts_that_depend_on_values_are_checked_in_each_run() -> None:
    def product(x: Tensor) -> Tensor:
        cuts = aten._to_copy.default(aten.select.int(x, 0, 0), dtype=torch.int64)
        part = aten.tensor_split.tensor_indices_or_sections(x, cuts, 1)[0]
        return aten.repeat.default(part, [1, 2**29])

    graph = bounded(product)
    (nothing,) = graph.run([], [torch.zeros(1, 1)])
    assert isinstance(nothing, Tensor)
    assert nothing.shape == (1, 0)
    with pytest.raises(ForwardFailed, match="repeat asks for more than"):
        graph.run([], [torch.ones(1, 2)])


def test_parts_of_no_elements_are_counted() -> None:
    graph = bounded(lambda x: aten.hsplit.int(aten.slice.Tensor(x, 1, 0, 0), x.shape[0])[0])
    graph.run([], [torch.ones(3, 4)])
    with pytest.raises(ForwardFailed, match=r"hsplit\.int gives more than 65536 results"):
        graph.run([], [torch.ones(1).expand(2**27, 4)])


def test_tensors_of_very_many_axes_are_not_made() -> None:
    graph = bounded(lambda x: aten.meshgrid.default([x] * 70)[0])
    with pytest.raises(ForwardFailed, match="gives a tensor of more than 64 axes"):
        graph.run([], [torch.ones(1)])


def test_the_rows_that_an_operator_makes_within_are_counted() -> None:
    assert part_count(aten.unique_dim.default, (X, 1)) == 5
    assert part_count(aten.relu.default, (X,)) == 1
