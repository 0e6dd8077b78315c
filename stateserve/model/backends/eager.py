"""PyTorch's own forward, one operation after the other, on any device."""

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import nn

from stateserve.checkpoint import Array, dtype_name
from stateserve.errors import ForwardFailed
from stateserve.model.backends.backend import Arrays, require_declared
from stateserve.model.module_call import ModuleCall, output_array
from stateserve.model.signature import Signature


class Eager:
    """Runs a module. On another device than the processor it runs a copy of it."""

    def __init__(self, module: nn.Module, signature: Signature, device: str = "cpu") -> None:
        if device != "cpu":
            # Rounding like the processor's; TensorFloat-32 keeps 10 bits of 23.
            torch.backends.cudnn.allow_tf32 = False
            module = deepcopy(module).to(device)
        names = [each.name for each in signature.inputs]
        self._first = names[0]
        self._call = ModuleCall(module, names, device)
        self._outputs = signature.outputs

    def __call__(self, inputs: Mapping[str, Array], /) -> Arrays:
        rows = len(inputs[self._first])
        found = self._call.tensors(inputs)
        arrays = {}
        for output in self._outputs:
            tensor = found.get(output.name)
            if tensor is None:
                raise ForwardFailed(f"the model returned no output {output.name!r}")
            # Before the array is made: an expanded tensor has far more elements than memory.
            require_declared(output, dtype_name(tensor), tensor.shape, rows)
            arrays[output.name] = output_array(output.name, tensor)
        return arrays
