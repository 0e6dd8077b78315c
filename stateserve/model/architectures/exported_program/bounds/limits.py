"""What one forward pass may compute, and what it has computed so far."""

import weakref
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._pytree import tree_leaves

from stateserve.errors import ForwardFailed
from stateserve.model.architectures.exported_program.bounds.integers import require_sound_integers
from stateserve.model.architectures.exported_program.bounds.operator_sizes import temporary_size
from stateserve.model.architectures.exported_program.bounds.operator_work import (
    work_of,
    work_of_order,
)
from stateserve.model.architectures.exported_program.bounds.parts import MAX_AXES, part_count

# A tensor of so many float32 takes 1 GiB.
MAX_ELEMENTS = 2**28
MAX_COUNT = 2**16
# Lengths of axes are integers of Python: multiplied by themselves often enough, they would take
# all memory.
MAX_BITS = 1024
MAX_EXPONENT = 8
# Of all results that are used later.
MAX_BYTES = 2**32
# Composed operators count as their parts, such as the steps of an LSTM.
MAX_OPERATORS = 2**19
# In multiplications: minutes of one core.
MAX_WORK = 2**44


class PassLimits:
    """Each method raises ForwardFailed, which says what is accepted."""

    def __init__(self, given: Iterable[Tensor]) -> None:
        """`given`, the state and the inputs, do not count."""
        self._operators = 0
        self._work = 0.0
        self._bytes = 0
        self._held: dict[int, weakref.ref[torch.UntypedStorage]] = {}
        for tensor in given:
            self._watch(tensor.untyped_storage(), 0)

    def require_parts(
        self,
        func: OpOverload,
        args: Sequence[object],
        kwargs: Mapping[str, object] | None = None,
    ) -> None:
        """Before an operator that may be taken apart in C++, where it cannot be stopped."""
        require_sound_integers(func, args, kwargs or {})
        if part_count(func, args, kwargs) > MAX_COUNT:
            raise ForwardFailed(f"{shown(func)} gives more than {MAX_COUNT} results")
        self._add_work(func, work_of_order(func, args, kwargs))

    def require_few(
        self,
        func: OpOverload,
        args: Sequence[object],
        kwargs: Mapping[str, object] | None = None,
    ) -> None:
        """Before anything is computed."""
        self._operators += 1
        if self._operators > MAX_OPERATORS:
            raise ForwardFailed(f"the pass computes more than {MAX_OPERATORS} operators")
        self.require_parts(func, args, kwargs)

    def require_small(
        self,
        func: OpOverload,
        args: Sequence[object],
        kwargs: Mapping[str, object],
        results: object,
    ) -> None:
        """`results` have the shapes that the operator will return."""
        made = [each for each in tree_leaves(results) if isinstance(each, Tensor)]
        if any(each.dim() > MAX_AXES for each in made):
            raise ForwardFailed(f"{shown(func)} gives a tensor of more than {MAX_AXES} axes")
        sizes = [each.numel() for each in made]
        if max(*sizes, temporary_size(func, args, results), 0) > MAX_ELEMENTS:
            raise ForwardFailed(f"{shown(func)} asks for more than {MAX_ELEMENTS} elements")
        self._add_work(func, work_of(func, args, kwargs, results))

    def _add_work(self, func: OpOverload, work: float) -> None:
        self._work += work
        if self._work > MAX_WORK:
            raise ForwardFailed(f"at {shown(func)} the pass takes more than {MAX_WORK} operations")

    def hold(self, func: OpOverload, results: object) -> None:
        """Count the memory of new results until it is free again."""
        for each in tree_leaves(results):
            if isinstance(each, Tensor):
                storage = each.untyped_storage()
                self._watch(storage, storage.nbytes())
        if self._bytes > MAX_BYTES:
            raise ForwardFailed(f"at {shown(func)} the pass holds more than {MAX_BYTES} bytes")

    def _watch(self, storage: torch.UntypedStorage, size: int) -> None:
        key = id(storage)
        if key in self._held:
            return

        def release(_: object) -> None:
            del self._held[key]
            self._bytes -= size

        self._held[key] = weakref.ref(storage, release)
        self._bytes += size


def shown(func: OpOverload) -> str:
    return str(func).removeprefix("aten.").removesuffix(".default")
