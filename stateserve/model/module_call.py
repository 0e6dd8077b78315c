"""Call any module with named arrays, and name the tensors that it returns."""

import dataclasses
import inspect
import traceback
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from stateserve.checkpoint import Array
from stateserve.errors import ForwardFailed
from stateserve.model.architectures.exported_program import ProgramModule
from stateserve.model.architectures.float_dtype import mixed_note
from stateserve.model.arrays import to_array, to_tensor
from stateserve.model.fields import ANY
from stateserve.model.signature import Signature
from stateserve.text import class_of, first_line

SERVED = "tensors are served, also in dicts, lists, tuples and dataclasses"
OTHERS = ("torch.", "stateserve.")
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class ModuleCall:
    """Passes arrays to `forward`: by position where their names are its first parameters, in
    order, or none of its parameters; else by name."""

    def __init__(self, module: nn.Module, names: Sequence[str], device: str = "cpu") -> None:
        self._module, self._names, self._device = module, names, device
        self._by_name = takes_by_name(module, names)

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The arrays of what `tensors` returns. Raises ForwardFailed."""
        return {name: output_array(name, each) for name, each in self.tensors(inputs).items()}

    def tensors(self, inputs: Mapping[str, Array]) -> dict[str, Tensor]:
        """The tensors that the module returned, by name. Raises ForwardFailed.

        The arrays of `inputs` are writable, and may be changed by the module.
        """
        tensors = {name: to_tensor(inputs[name]).to(self._device) for name in self._names}
        try:
            # Not inference_mode, in which a forward cannot compute gradients, such as forces.
            with torch.no_grad():
                if self._by_name:
                    returned = self._module(**tensors)
                else:
                    returned = self._module(*tensors.values())
            return named_outputs(returned)
        except ForwardFailed:
            raise
        # A module of the user may call sys.exit, which must not end the server.
        except BaseException as error:
            failure = describe_failure(error)
            raise ForwardFailed(failure + mixed_note(self._module, failure)) from error


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


def export_arguments(
    module: nn.Module, signature: Signature, rows: Mapping[str, Array]
) -> tuple[tuple[Tensor, ...], dict[str, Tensor], dict[str, object]]:
    """What torch's exporters call `module` with, by position and by name, and its axes of any
    length by parameter of `forward`: those that are -1 in the signature."""
    names = [each.name for each in signature.inputs]
    tensors = {name: to_tensor(rows[name].copy()) for name in names}
    dynamic = {
        each.name: {axis: torch.export.Dim.DYNAMIC for axis, n in enumerate(each.shape) if n == ANY}
        for each in signature.inputs
    }
    by_name = takes_by_name(module, names) and not isinstance(module, ProgramModule)
    # All of `*args` are one parameter.
    bound = inspect.signature(module.forward).bind(
        *([] if by_name else dynamic.values()), **(dynamic if by_name else {})
    )
    args, kwargs = ((), tensors) if by_name else (tuple(tensors.values()), {})
    return args, kwargs, dict(bound.arguments)


def describe_failure(error: BaseException) -> str:
    """The first line of an error that a module has raised."""
    return f"the model's forward raised {first_line(error)}"


def raised_at(module: nn.Module, failure: ForwardFailed) -> str:
    """ "nets.py:12: " of the line that raised the error, in the file of a forward that neither
    torch nor this library has; empty if it is not known. Callers of a service do not get it."""
    own = (each for each in module.modules() if not type(each).__module__.startswith(OTHERS))
    codes = (getattr(each.forward, "__code__", None) for each in own)
    files = {code.co_filename for code in codes if code}
    trace = traceback.extract_tb(failure.__cause__.__traceback__ if failure.__cause__ else None)
    places = [f"{each.filename}:{each.lineno}: " for each in trace if each.filename in files]
    return places[-1] if places else ""


def output_array(name: str, tensor: Tensor) -> Array:
    """The array of an output's tensor. Raises ForwardFailed."""
    try:
        return to_array(tensor)
    except Exception as error:
        # For instance a meta or a quantized tensor, or a failure of a device.
        raise ForwardFailed(f"output {name:.100} has no values: {first_line(error)}") from error


def named_outputs(returned: object) -> dict[str, Tensor]:
    """The tensors that a module returned, by name.

    The names are those of a dict, a named tuple or a dataclass; else `output`, or `output_0` and
    so on. In a nested structure the path follows: `hidden.0`. Raises ForwardFailed for anything
    but tensors.
    """
    if isinstance(returned, Tensor):
        return _flat({"output": returned})
    if (parts := _parts(returned)) is None:
        raise ForwardFailed(f"the model returned {class_of(returned)}; {SERVED}")
    if isinstance(returned, tuple | list) and not hasattr(returned, "_fields"):
        alone = len(returned) == 1 and isinstance(returned[0], Tensor)
        parts = {"output" if alone else f"output_{key}": each for key, each in parts.items()}
    return _flat(parts)


def _flat(parts: Mapping[object, object]) -> dict[str, Tensor]:
    tensors = {}
    for name, each in _leaves(parts):
        if not isinstance(each, Tensor):
            raise ForwardFailed(f"output {name:.100} is {class_of(each)}; {SERVED}")
        if name in tensors:
            raise ForwardFailed(f"two outputs have the name {name:.100}")
        try:
            each.shape  # noqa: B018 - a nested tensor has none, and raises.
        except Exception as error:
            raise ForwardFailed(f"output {name:.100} has no shape: {first_line(error)}") from error
        tensors[name] = each
    return tensors


def _leaves(parts: Mapping[object, object], before: str = "") -> Iterator[tuple[str, object]]:
    """Each part that is no structure, by its path after `before`."""
    for key, each in parts.items():
        inner = None if isinstance(each, Tensor) else _parts(each)
        if inner is not None:
            yield from _leaves(inner, f"{before}{key}.")
        # Models of some libraries return None for outputs that the caller did not request.
        elif each is not None:
            yield f"{before}{key}", each


def _parts(structure: object) -> Mapping[object, object] | None:
    """The parts of a structure, by key, field or position; None if it is none."""
    if isinstance(structure, Mapping):
        return structure
    if isinstance(structure, tuple | list):
        names = getattr(structure, "_fields", range(len(structure)))
        return dict(zip(names, structure, strict=True))
    if dataclasses.is_dataclass(structure) and not isinstance(structure, type):
        return {each.name: getattr(structure, each.name) for each in dataclasses.fields(structure)}
    return None
