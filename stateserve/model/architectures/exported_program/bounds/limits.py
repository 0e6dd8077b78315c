"""What one forward pass may compute, and what it has computed so far."""

import weakref
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._pytree import tree_leaves

from stateserve.errors import ForwardFailed
from stateserve.model.architectures.exported_program.bounds.operator_sizes import (
    result_count,
    temporary_size,
)
from stateserve.model.architectures.exported_program.bounds.operator_work import work_of

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

    def require_few(self, func: OpOverload, args: tuple[object, ...]) -> None:
        """Before anything is computed."""
        self._operators += 1
        if self._operators > MAX_OPERATORS:
            raise ForwardFailed(f"the pass computes more than {MAX_OPERATORS} operators")
        if result_count(func, args) > MAX_COUNT:
            raise ForwardFailed(f"{shown(func)} gives more than {MAX_COUNT} results")

    def require_small(
        self,
        func: OpOverload,
        args: Sequence[object],
        kwargs: Mapping[str, object],
        results: object,
    ) -> None:
        """`results` have the shapes that the operator will return."""
        sizes = [each.numel() for each in tree_leaves(results) if isinstance(each, Tensor)]
        if max(*sizes, temporary_size(func, args, results), 0) > MAX_ELEMENTS:
            raise ForwardFailed(f"{shown(func)} asks for more than {MAX_ELEMENTS} elements")
        self._work += work_of(func, args, kwargs, results)
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
