"""A graph that runs only within the limits of a pass."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from operator import le

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx import GraphModule, Interpreter, Node
from torch.fx.node import Argument, Target
from torch.utils._python_dispatch import TorchDispatchMode

from stateserve.errors import ForwardFailed
from stateserve.model.architectures.exported_program.bounds.growth import grows_with_lengths
from stateserve.model.architectures.exported_program.bounds.limits import (
    MAX_BITS,
    PassLimits,
    shown,
)
from stateserve.model.architectures.exported_program.bounds.operator_sizes import (
    reads_values,
    results_of,
)

# In the `meta` of a node: where the file has it.
PLACE = "stateserve_place"
# Distinct lengths of the inputs that are remembered, and the largest of them.
MOST_SHAPES, MOST_LARGEST = 2**14, 64
Given = Tensor | int | float | None


class BoundedGraph:
    """Checks the size of each result before it is allocated, in the first run with inputs of the
    same shapes; in every run, if sizes depend on the values of tensors.

    If sizes only grow with lengths, inputs that are nowhere longer than checked ones are not
    checked.
    """

    def __init__(self, graph: GraphModule) -> None:
        self._graph = graph
        self._grows = grows_with_lengths(graph.graph)
        self._checked: set[Hashable] = set()
        self._largest: list[list[int]] = []

    def run(self, state: Sequence[Given], given: Sequence[Given]) -> Iterator[object]:
        """Raises ForwardFailed, with the node and its operator, for a pass above the limits."""
        if torch.compiler.is_exporting():
            # Its tensors have no memory, and its lengths are no numbers.
            return iter(self._graph.forward(*state, *given))
        shapes = tuple(each.shape if isinstance(each, Tensor) else each for each in given)
        if shapes in self._checked or self._is_within(given):
            # Not by a call, which prints where an error was raised.
            return iter(self._graph.forward(*state, *given))
        bounded = _Bounded(each for each in (*state, *given) if isinstance(each, Tensor))
        with bounded:
            results = _Nodes(self._graph, bounded).run(*state, *given)
        if not bounded.reads_values:
            if len(self._checked) >= MOST_SHAPES:
                self._checked.clear()
            self._checked.add(shapes)
            if self._grows:
                self._remember(_lengths(given))
        return iter(results)

    def _is_within(self, given: Sequence[Given]) -> bool:
        """Whether checked inputs were at least as long in each axis."""
        if not self._grows or not all(isinstance(each, Tensor) for each in given):
            return False
        lengths = _lengths(given)
        return any(all(map(le, lengths, largest)) for largest in self._largest)

    def _remember(self, lengths: list[int]) -> None:
        """In place of the lengths that are within them."""
        others = [each for each in self._largest if not all(map(le, each, lengths))]
        self._largest = [*others[1 - MOST_LARGEST :], lengths]


def _lengths(given: Sequence[Given]) -> list[int]:
    return [length for each in given if isinstance(each, Tensor) for length in each.shape]


class _Bounded(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Computes the shapes of each operator's results on the device meta, then the results.

    Operators that are composed of others are taken apart, so that what they allocate is seen, too.
    """

    # A condition runs one of its two graphs.
    supports_higher_order_operators = True

    def __init__(self, given: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._limits = PassLimits(given)
        self.reads_values = False

    def __torch_dispatch__(
        self,
        func: object,
        types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        if not isinstance(func, OpOverload):
            return self._branch(*args)
        named = dict(kwargs or {})
        self._limits.require_few(func, args, named)
        self.reads_values = self.reads_values or reads_values(func, args)
        try:
            expected = results_of(func, args, named)
        except NotImplementedError:
            raise ForwardFailed(
                f"the size of what {shown(func)} returns is not known before it runs; accepted "
                "are operators whose sizes follow from their arguments"
            ) from None
        self._limits.require_small(func, args, named, expected)
        results = func(*args, **named)
        self._limits.hold(func, results)
        return results

    def require_parts(
        self, func: OpOverload, args: Sequence[object], kwargs: Mapping[str, object]
    ) -> None:
        """Before the operator of a node. Raises ForwardFailed for too many results."""
        self.reads_values = self.reads_values or reads_values(func, tuple(args))
        self._limits.require_parts(func, args, kwargs)

    def _branch(self, *args: object) -> object:
        condition, yes, no, operands = args
        self.reads_values = self.reads_values or isinstance(condition, Tensor)
        chosen = yes if condition else no
        if not isinstance(chosen, GraphModule) or not isinstance(operands, tuple | list):
            raise ForwardFailed("a condition without two graphs and a list of operands")
        with self:
            return _Nodes(chosen, self).run(*operands)


class _Nodes(Interpreter):
    """Runs a graph node by node, so that an error has the place of its node, and each operator is
    checked before it is taken apart."""

    def __init__(self, graph: GraphModule, bounded: _Bounded) -> None:
        super().__init__(graph)
        self.extra_traceback = False
        self._bounded = bounded

    def run_node(self, n: Node) -> object:
        try:
            result = super().run_node(n)
            if isinstance(result, int) and result.bit_length() > MAX_BITS:
                raise ForwardFailed(f"an integer of more than {MAX_BITS} bits")
        except ForwardFailed as error:
            place = n.meta.get(PLACE)
            raise ForwardFailed(f"{place}: {error}" if place else str(error)) from None
        return result

    def call_function(
        self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Argument]
    ) -> object:
        if isinstance(target, OpOverload):
            self._bounded.require_parts(target, args, kwargs)
        return super().call_function(target, args, kwargs)
