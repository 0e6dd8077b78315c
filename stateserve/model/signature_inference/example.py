"""Example inputs of a model: arrays or tensors, or a file of them."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from stateserve.checkpoint import Array, decode_safetensors, read_regular_file
from stateserve.errors import CheckpointError, UnreadableCheckpoint
from stateserve.model.architectures.exported_program import ProgramModule
from stateserve.model.arrays import to_array
from stateserve.model.module_call import POSITIONAL, forward_parameters
from stateserve.text import class_of

# One for the first argument of forward, several in its order, or by the names of its arguments.
Example = Array | Tensor | Sequence[Array | Tensor] | Mapping[str, Array | Tensor]
SUFFIXES = ".npy, .npz or .safetensors, or .png or .jpg of a picture"
MAX_BYTES = 2**30
STRUCTURE = (
    "an argument that is a dict or a list of tensors is not served: let forward take each tensor "
    "as an argument, forward(self, ids, mask)"
)


def read_example(path: Path) -> Example:
    """Read a .npy file, or the named arrays of a .npz or .safetensors file.

    Arrays that `numpy.savez` named itself (arr_0, arr_1) are taken in their order. Raises
    UnreadableCheckpoint.
    """
    content = read_regular_file(path, MAX_BYTES)
    try:
        if path.suffix == ".safetensors":
            return decode_safetensors(content)
        if path.suffix not in (".npy", ".npz"):
            raise ValueError(f"an example is a file {SUFFIXES}")
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        arrays: dict[str, Array] = {name: loaded[name] for name in loaded.files}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, CheckpointError) as error:
        raise UnreadableCheckpoint(f"{path}: {error}") from None
    unnamed = [f"arr_{index}" for index in range(len(arrays))]
    return [arrays[name] for name in unnamed] if set(unnamed) == set(arrays) else arrays


def name_inputs(module: nn.Module, example: Example) -> dict[str, Array]:
    """The arrays by the names of forward's parameters, in their order. Raises ValueError."""
    if isinstance(example, Mapping):
        given = {str(name): _array(str(name), each) for name, each in example.items()}
        return {name: given[name] for name in _ordered(module, list(given))}
    several = not isinstance(example, np.ndarray | Tensor)
    if several and (isinstance(example, str) or not isinstance(example, Sequence)):
        kind = type(example).__name__
        table = ": df.to_numpy(), and features=list(df.columns)" if kind == "DataFrame" else ""
        raise ValueError(
            f"the example is of type {kind}; accepted is an array or a tensor{table}; for several "
            "arguments of forward a tuple of such, or a dict by argument"
        )
    arrays = list(example) if several else [example]
    names = _positional(module, len(arrays))
    return {name: _array(name, each) for name, each in zip(names, arrays, strict=True)}


def _positional(module: nn.Module, count: int) -> list[str]:
    if isinstance(module, ProgramModule):
        names = [each.name for each in module.inputs]
        if len(names) != count:
            raise ValueError(
                f"the program takes {', '.join(names):.300}; the example has {count} "
                f"{'array' if count == 1 else 'arrays'}: give a .npz with an array for each input"
            )
        return names
    parameters = forward_parameters(module)
    named = [each.name for each in parameters if each.kind in POSITIONAL]
    more = [each.name for each in parameters if each.kind is each.VAR_POSITIONAL]
    if count == 0:
        raise ValueError("the example has no array")
    if len(named) < count and not more and parameters:
        raise ValueError(
            f"forward takes {', '.join(named)}; the example has {count} arrays, one for each "
            "argument: an argument that is a list is not served; of nested lists make one tensor"
        )
    rest = more[0] if more else "input"
    extra = count - len(named)
    made = [rest] if extra == 1 else [f"{rest}_{index}" for index in range(extra)]
    names = (named + made)[:count]
    _require_all(module, names)
    return names


def _ordered(module: nn.Module, given: list[str]) -> list[str]:
    parameters = forward_parameters(module)
    known = [each.name for each in parameters]
    open_ended = any(each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL) for each in parameters)
    unknown = [name for name in given if name not in known]
    if not given:
        raise ValueError("the example has no array")
    if unknown and parameters and not open_ended:
        hint = f"; {STRUCTURE}" if len(known) == 1 else ""
        raise ValueError(
            f"forward has no argument {unknown[0]!r:.100}; it takes {', '.join(known)}{hint}"
        )
    _require_all(module, given)
    return [name for name in known if name in given] + unknown


def _require_all(module: nn.Module, given: Sequence[str]) -> None:
    needed = [
        each.name
        for each in forward_parameters(module)
        if each.default is each.empty
        and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        and each.name not in given
    ]
    if needed:
        raise ValueError(
            f"forward also needs {', '.join(needed)}: give a .npz with an array for each argument"
        )


def _is_numeric(given: object) -> bool:
    """Whether it is a nested list of numbers."""
    if isinstance(given, list | tuple):
        return all(map(_is_numeric, given))
    return isinstance(given, int | float)


def _array(name: str, given: object) -> Array:
    if isinstance(given, Mapping | list | tuple) and not _is_numeric(given):
        raise ValueError(f"the example {name} is {class_of(given)}; {STRUCTURE}")
    array = to_array(given) if isinstance(given, Tensor) else np.asarray(given)
    if array.dtype.hasobject or array.dtype.names or array.dtype.kind in "USmM":
        raise ValueError(f"the example {name} is an array of {array.dtype}, not of numbers")
    if array.size == 0:
        raise ValueError(f"the example {name} has no elements")
    return np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(array.shape)
