"""A loaded model with any module: it maps named arrays to named arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from torch import Tensor, nn

from stateserve.checkpoint import Array
from stateserve.errors import CardMismatch, ForwardFailed
from stateserve.model.arrays import to_array
from stateserve.model.example import zeros
from stateserve.model.model import Model
from stateserve.model.model_card import ModelCard
from stateserve.model.module_call import ModuleCall
from stateserve.model.signature import Output, Signature

Arrays = dict[str, Array]
# Another CPU, another number of rows or another backend rounds differently.
GOLDEN_TOLERANCE = 1e-4
# float16 has 11 bits of precision, bfloat16 has 8.
COARSE_TOLERANCE = {"float16": 1e-2, "bfloat16": 5e-2}


class Backend(Protocol):
    """Runs the forward pass; `name` is shown to users of the model."""

    name: str

    def __call__(self, inputs: Mapping[str, Array], /) -> Arrays:
        """Map the arrays of all inputs, with one batch axis, to those of all outputs."""


@dataclass(frozen=True)
class TensorModel(Model[nn.Module, ModelCard]):
    """A module with a signature; `golden` has the arrays of the card's golden file, by the number
    of rows. `notes` say what was assumed where the signature was inferred.
    """

    golden: Mapping[int, tuple[Arrays, Arrays]] = field(
        default_factory=dict, repr=False, compare=False
    )
    notes: Sequence[str] = ()

    @property
    def inferred(self) -> list[str]:
        """What was inferred without a card, as lines; none with a card."""
        return [] if self.card.golden else [*self.signature.lines, *self.notes]

    @cached_property
    def signature(self) -> Signature:
        return self.card.signature

    @property
    def classes(self) -> list[str]:
        """The classes of the first output that classifies; empty if there is none."""
        for output in self.signature.outputs:
            if output.classifies:
                return output.classes or [str(index) for index in range(output.shape[1])]
        return []

    @cached_property
    def backend(self) -> Backend:
        return Eager(self.module, self.signature)

    @property
    def backend_name(self) -> str:
        return self.backend.name

    @cached_property
    def example(self) -> Arrays:
        """The first golden instance; zeros without golden inputs."""
        if not self.golden:
            return zeros(self.signature)
        inputs, _ = self.golden[min(self.golden)]
        return {name: array[:1] for name, array in inputs.items()}

    def run_example(self, module: nn.Module) -> object:
        inputs = {name: array.copy() for name, array in self.example.items()}
        return Eager(module, self.signature)(inputs)

    def run(self, inputs: Mapping[str, Array]) -> Arrays:
        """The outputs for `inputs`, whose arrays are owned, writable and C-contiguous.

        Both are by name, as in the signature; axis 0 is the batch axis. Raises ForwardFailed.
        """
        return self.backend(inputs)

    def require_golden_outputs(self) -> None:
        """Raise CardMismatch unless the golden inputs give the golden outputs."""
        for rows, (inputs, outputs) in self.golden.items():
            try:
                found = self.run({name: array.copy() for name, array in inputs.items()})
            except ForwardFailed as error:
                raise CardMismatch(f"the golden inputs of {rows} rows: {error}") from None
            for name in found:
                require_close(name, found[name], outputs[name], f"{rows} rows")


def require_close(name: str, found: Array, golden: Array, where: str) -> None:
    """Raise CardMismatch unless the arrays of an output are equal but for rounding."""
    if found.shape != golden.shape:
        raise CardMismatch(
            f"output {name!r} of {where} has shape {list(found.shape)}, not {list(golden.shape)}"
        )
    a, b = found.astype(np.float64), golden.astype(np.float64)
    with np.errstate(invalid="ignore"):
        scale = np.maximum(1, np.abs(b)).max(initial=1, where=np.isfinite(b))
        tolerance = COARSE_TOLERANCE.get(golden.dtype.name, GOLDEN_TOLERANCE) * scale
        close = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= tolerance)
    if not close.all():
        off = np.abs(a - b)[~close].max()
        raise CardMismatch(f"output {name!r} of {where} is off by up to {float(off):.3g}")


class Eager:
    """PyTorch's own forward, one operation after the other."""

    name = "eager"

    def __init__(self, module: nn.Module, signature: Signature) -> None:
        names = [each.name for each in signature.inputs]
        self._first = names[0]
        self._call = ModuleCall(module, names)
        self._outputs = signature.outputs

    def __call__(self, inputs: Mapping[str, Array], /) -> Arrays:
        rows = len(inputs[self._first])
        found = self._call(inputs)
        return {
            output.name: _checked(output, found.get(output.name), rows) for output in self._outputs
        }


def _checked(output: Output, tensor: Tensor | None, rows: int) -> Array:
    if tensor is None:
        raise ForwardFailed(f"the model returned no output {output.name!r}")
    array = to_array(tensor)
    if str(array.dtype) != output.dtype or not output.fits(array.shape) or len(array) != rows:
        raise ForwardFailed(
            f"output {output.name!r} is {array.dtype} {list(array.shape)} for {rows} rows; "
            f"the model card says {output.dtype} {output.shape}"
        )
    return array
