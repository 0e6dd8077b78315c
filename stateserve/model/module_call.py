"""Call any module with named arrays, and name the tensors that it returns."""

import dataclasses
import inspect
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from stateserve.checkpoint import Array
from stateserve.errors import ForwardFailed
from stateserve.model.arrays import to_array, to_tensor
from stateserve.text import first_line

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class ModuleCall:
    """Passes arrays to `forward`: by position where their names are its first parameters, in
    order, or none of its parameters; else by name."""

    def __init__(self, module: nn.Module, names: Sequence[str], device: str = "cpu") -> None:
        self._module, self._names, self._device = module, names, device
        self._by_name = takes_by_name(module, names)

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The arrays of the tensors that the module returned, by name. Raises ForwardFailed.

        The arrays are writable, and may be changed by the module.
        """
        tensors = {name: to_tensor(inputs[name]).to(self._device) for name in self._names}
        try:
            with torch.inference_mode():
                if self._by_name:
                    returned = self._module(**tensors)
                else:
                    returned = self._module(*tensors.values())
            found = named_outputs(returned)
        except ForwardFailed:
            raise
        # A module of the user may call sys.exit, which must not end the server.
        except BaseException as error:
            raise ForwardFailed(describe_failure(error)) from error
        return {name: _to_array(name, tensor) for name, tensor in found.items()}


def forward_parameters(module: nn.Module) -> list[inspect.Parameter]:
    """The parameters of the module's `forward`; none if they are not known."""
    try:
        return list(inspect.signature(module.forward).parameters.values())
    except (TypeError, ValueError):
        return []


def takes_by_name(module: nn.Module, names: Sequence[str]) -> bool:
    """Whether `forward` gets arguments of these names by name, not by position."""
    parameters = forward_parameters(module)
    in_order = [each.name for each in parameters if each.kind in POSITIONAL]
    if list(names) == in_order[: len(names)]:
        return False
    by_name = {each.name for each in parameters if each.kind is not each.VAR_POSITIONAL}
    any_name = any(each.kind is each.VAR_KEYWORD for each in parameters)
    return any_name or by_name.issuperset(names)


def describe_failure(error: BaseException) -> str:
    """The first line of an error that a module has raised."""
    return f"the model's forward raised {first_line(error)}"


def _to_array(name: str, tensor: Tensor) -> Array:
    try:
        return to_array(tensor)
    except Exception as error:
        # For instance a meta or a quantized tensor, or a failure of a device.
        raise ForwardFailed(f"output {name:.100} has no values: {first_line(error)}") from error


def named_outputs(returned: object) -> dict[str, Tensor]:
    """The tensors that a module returned, by name.

    The names are those of a dict, a named tuple or a dataclass; else `output`, or `output_0` and
    so on. Raises ForwardFailed for anything but tensors.
    """
    tensors = {}
    for name, each in _by_name(returned).items():
        # Models of some libraries return None for outputs that the caller did not request.
        if each is None:
            continue
        if not isinstance(each, Tensor):
            raise ForwardFailed(
                f"output {name!s:.100} is a {type(each).__name__}; tensors are served"
            )
        if str(name) in tensors:
            raise ForwardFailed(f"two outputs have the name {name!s:.100}")
        tensors[str(name)] = each
    return tensors


def _by_name(returned: object) -> Mapping[object, object]:
    if isinstance(returned, Tensor):
        return {"output": returned}
    if isinstance(returned, Mapping):
        return returned
    if isinstance(returned, tuple) and hasattr(returned, "_fields"):
        return dict(zip(returned._fields, returned, strict=True))
    if isinstance(returned, tuple | list):
        if len(returned) == 1:
            return {"output": returned[0]}
        return {f"output_{index}": each for index, each in enumerate(returned)}
    if dataclasses.is_dataclass(returned) and not isinstance(returned, type):
        return {each.name: getattr(returned, each.name) for each in dataclasses.fields(returned)}
    raise ForwardFailed(f"the model returned a {type(returned).__name__}; tensors are served")
