"""A loaded model with any module: it maps named arrays to named arrays."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from stateserve.checkpoint import Array
from stateserve.errors import CardMismatch, ForwardFailed
from stateserve.model.arrays import to_array, to_tensor
from stateserve.model.example import zeros
from stateserve.model.model import Model
from stateserve.model.model_card import ModelCard
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
    """A module with a signature; `golden` has the arrays of the card's golden file, by batch."""

    golden: Mapping[int, tuple[Arrays, Arrays]] = dataclasses.field(
        default_factory=dict, repr=False, compare=False
    )

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
            for output in self.signature.outputs:
                require_close(output, found[output.name], outputs[output.name], f"{rows} rows")


def require_close(output: Output, found: Array, golden: Array, where: str) -> None:
    """Raise CardMismatch unless the arrays of an output are equal but for rounding."""
    if found.shape != golden.shape:
        raise CardMismatch(
            f"output {output.name!r} of {where} has shape {list(found.shape)}, "
            f"not {list(golden.shape)}"
        )
    a, b = found.astype(np.float64), golden.astype(np.float64)
    with np.errstate(invalid="ignore"):
        scale = np.maximum(1, np.abs(b)).max(initial=1, where=np.isfinite(b))
        tolerance = COARSE_TOLERANCE.get(output.dtype, GOLDEN_TOLERANCE) * scale
        close = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= tolerance)
    if not close.all():
        off = np.abs(a - b)[~close].max()
        raise CardMismatch(f"output {output.name!r} of {where} is off by up to {float(off):.3g}")


class Eager:
    """PyTorch's own forward, one operation after the other."""

    name = "eager"

    def __init__(self, module: nn.Module, signature: Signature) -> None:
        self._module = module
        self._inputs = [each.name for each in signature.inputs]
        self._outputs = signature.outputs

    def __call__(self, inputs: Mapping[str, Array], /) -> Arrays:
        tensors = [to_tensor(inputs[name]) for name in self._inputs]
        try:
            with torch.inference_mode():
                returned = self._module(*tensors)
        except Exception as error:
            raise ForwardFailed(describe_failure(error)) from error
        rows = len(inputs[self._inputs[0]])
        found = named_outputs(returned)
        return {
            output.name: _checked(output, found.get(output.name), rows) for output in self._outputs
        }


def describe_failure(error: Exception) -> str:
    """The first line of an error that a module has raised."""
    first = str(error).strip().splitlines()[:1]
    return f"the model's forward raised {type(error).__name__}: {''.join(first):.300}"


def named_outputs(returned: object) -> dict[str, Tensor]:
    """The tensors that a module returned, by name.

    The names are those of a dict, a named tuple or a dataclass; else `output`, or `output_0` and
    so on. Raises ForwardFailed for anything but tensors.
    """
    if isinstance(returned, Tensor):
        return {"output": returned}
    if isinstance(returned, Mapping):
        found = dict(returned)
    elif isinstance(returned, tuple) and hasattr(returned, "_fields"):
        found = dict(zip(returned._fields, returned, strict=True))
    elif isinstance(returned, tuple | list):
        found = {f"output_{index}": each for index, each in enumerate(returned)}
        if len(found) == 1:
            found = {"output": found["output_0"]}
    elif dataclasses.is_dataclass(returned):
        found = {each.name: getattr(returned, each.name) for each in dataclasses.fields(returned)}
    else:
        raise ForwardFailed(f"the model returned a {type(returned).__name__}; tensors are served")
    tensors = {}
    for name, each in found.items():
        # Models of some libraries return None for what was not asked for.
        if each is None:
            continue
        if not isinstance(each, Tensor):
            raise ForwardFailed(
                f"output {name!s:.100} is a {type(each).__name__}; tensors are served"
            )
        tensors[str(name)] = each
    return tensors


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
