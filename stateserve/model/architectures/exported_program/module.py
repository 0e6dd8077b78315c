"""A program of torch.export as a module."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from stateserve.errors import StateMismatch
from stateserve.model.architectures.exported_program.bounds.bounded_graph import BoundedGraph
from stateserve.model.architectures.exported_program.expressions import Expression
from stateserve.model.architectures.exported_program.input_checks import Given, InputChecks
from stateserve.model.architectures.exported_program.leaf import Leaf, TensorSpec
from stateserve.model.architectures.exported_program.program_state import ProgramState
from stateserve.model.architectures.exported_program.signature import Signature


class ProgramModule(nn.Module):
    """A module in evaluation mode. Its parameters and buffers have the names of the program's.

    `inputs` and `outputs` describe its tensors, in order. Inputs that export fixed are not among
    them.
    """

    def __init__(
        self,
        graph: BoundedGraph,
        state: ProgramState,
        signature: Signature,
        checks: InputChecks,
    ) -> None:
        super().__init__()
        self.inputs: tuple[TensorSpec, ...] = _specs(signature.inputs)
        self.outputs: tuple[TensorSpec, ...] = _specs(signature.outputs)
        self._signature = signature
        self._checks = checks
        self._numbers = [leaf.dtype is None for leaf in signature.inputs if not leaf.is_constant]
        self._constants = dict(state.constants)
        self._graph = graph
        for name, parameter in state.parameters.items():
            owner, key = self._owner(name)
            owner._parameters[key] = parameter
        for name, buffer in state.buffers.items():
            owner, key = self._owner(name)
            owner._buffers[key] = buffer
            if name in state.transient:
                owner._non_persistent_buffers_set.add(key)
        self._places = [self._place(slot.kind, slot.name) for slot in signature.state]
        self.eval()

    def _owner(self, name: str) -> tuple[nn.Module, str]:
        """The module that has the tensor, and the tensor's name in it."""
        owner: nn.Module = self
        *path, key = name.split(".")
        for part in path:
            # Not setattr: a module may have the name of a method, such as "type".
            owner = owner._modules.setdefault(part, nn.Module()) or nn.Module()
        return owner, key

    def _place(self, kind: str, name: str) -> tuple[Mapping[str, Tensor | None], str]:
        if name in self._constants:
            return self._constants, name
        owner, key = self._owner(name)
        return (owner._parameters if kind == "parameter" else owner._buffers), key

    def forward(self, *args: Given, **kwargs: Given) -> object:
        """Run the program on its `inputs`, positionally or by name.

        Returns the tensors as the exported module did: one, or a tuple, list or dict of them (a
        dict for classes with named fields); a dict by the names of `outputs` if it nested them.
        Raises ValueError, one line, for inputs that do not fit, and TypeError for missing ones.
        ForwardFailed names an operator that would compute too large tensors, or for too long.
        """
        given = self._bound(args, kwargs)
        self._checks.require(given)
        state = [holder[key] for holder, key in self._places]
        results = self._graph.run(state, given)
        leaves = [_output(leaf, results) for leaf in self._signature.outputs]
        tree = self._signature.tree
        if not any(child.kind for child in tree.children):
            return tree.build(iter(leaves))
        named = zip(self._signature.outputs, leaves, strict=True)
        return {leaf.name: value for leaf, value in named if value is not None}

    def _bound(self, args: Sequence[Given], kwargs: dict[str, Given]) -> list[Given]:
        names = [spec.name for spec in self.inputs]
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        if len(given) != len(args) + len(kwargs) or given.keys() != set(names):
            raise TypeError(
                f"the program accepts {', '.join(names)}; given are {len(args)} by position and "
                f"{', '.join(kwargs) or 'none'} by name"
            )
        return [
            int(given[name]) if number else given[name]
            for name, number in zip(names, self._numbers, strict=True)
        ]

    def require_batch_axis(self) -> None:
        """Raise StateMismatch unless axis 0 of each input may have any length."""
        axes = ", ".join(f'"{spec.name}": {{0: torch.export.Dim.DYNAMIC}}' for spec in self.inputs)
        for leaf in self._signature.inputs:
            first = leaf.axes[0] if leaf.axes and leaf.dtype else None
            if leaf.is_constant or (isinstance(first, Expression) and first.symbol):
                continue
            fault = f"has {first.shown if isinstance(first, Expression) else first} rows"
            raise StateMismatch(
                f"the program cannot be served in batches: {leaf.name} "
                f"{'has no axes' if first is None else fault}, not any number; export it with "
                f"dynamic_shapes={{{axes:.1000}}}"
            )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        for name, constant in self._constants.items():
            self._constants[name] = fn(constant)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


def _specs(leaves: Sequence[Leaf]) -> tuple[TensorSpec, ...]:
    return tuple(leaf.spec for leaf in leaves if not leaf.is_constant)


def _output(leaf: Leaf, results: Iterator[object]) -> object:
    value = leaf.constant if leaf.is_constant else next(results)
    return value if value is None or isinstance(value, Tensor) else torch.tensor(value)
