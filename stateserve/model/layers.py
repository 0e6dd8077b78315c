"""The layers of a module: their sizes, and the shapes of their outputs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from torch import Tensor, nn

from stateserve.model.architectures.replica import replicate, takes_hooks
from stateserve.model.model_view import Layer

# Nested outputs deeper than this are not looked at.
MAX_DEPTH = 8
Shapes = list[list[int]]


def describe_layers(module: nn.Module, run: Callable[[nn.Module], object]) -> list[Layer]:
    """Every submodule in the order of `named_modules`, those inside others included.

    The module itself is a layer of an empty name if it has parameters, buffers or no submodules.
    `run` runs a replica on one instance; if it fails, the shapes of later layers are None.
    """
    shapes = _output_shapes(module, run)
    return [
        _describe(name, each, shapes.get(name))
        for name, each in module.named_modules()
        if name or _has_tensors(each) or not any(each.children())
    ]


def _output_shapes(module: nn.Module, run: Callable[[nn.Module], object]) -> Mapping[str, Shapes]:
    found: dict[str, Shapes] = {}
    try:
        replica = replicate(module)
        for name, each in replica.named_modules():
            if takes_hooks(each):
                each.register_forward_hook(partial(_note, found, name))
        run(replica)
    # A module of any user may raise anything; its layers are described all the same.
    except (Exception, SystemExit):
        return found
    return found


def _note(
    found: dict[str, Shapes], name: str, _module: object, _given: object, out: object
) -> None:
    # A layer that runs several times is described by its first run.
    found.setdefault(name, [list(tensor.shape) for tensor in tensors_of(out)])


def tensors_of(returned: object, depth: int = 0) -> Iterator[Tensor]:
    """The tensors in what a layer returned: a tensor, or tuples, lists and dicts of tensors.

    One of rows of several lengths, as torch's transformer makes it from a mask, is filled with 0.
    """
    if isinstance(returned, Tensor):
        yield returned.to_padded_tensor(0.0) if returned.is_nested else returned
    elif depth < MAX_DEPTH and isinstance(returned, Mapping | tuple | list):
        for each in returned.values() if isinstance(returned, Mapping) else returned:
            yield from tensors_of(each, depth + 1)


def _describe(name: str, module: nn.Module, shapes: Shapes | None) -> Layer:
    return Layer(
        name,
        type(module).__name__,
        _text(module),
        _count(module.parameters(recurse=False)),
        _count(module.buffers(recurse=False)),
        shapes,
    )


def describe_architecture(module: nn.Module) -> str:
    """The module in code, with all submodules; a class may have an `extra_repr` that fails."""
    try:
        return str(module)
    except (Exception, SystemExit):
        return _text(module)


def _text(module: nn.Module) -> str:
    """The module in code, without its submodules, which are layers of their own."""
    try:
        return f"{type(module).__name__}({module.extra_repr()})"
    except (Exception, SystemExit):
        return f"{type(module).__name__}()"


def _has_tensors(module: nn.Module) -> bool:
    return bool([*module.parameters(recurse=False), *module.buffers(recurse=False)])


def _count(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors)
