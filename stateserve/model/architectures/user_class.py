"""A class of the user in a Python file, `nets.py:LeNet`: making the module runs the file."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import JsonValue
from torch import nn

from stateserve.errors import CodeFailed
from stateserve.model.architectures.code_import import ImportedCode
from stateserve.text import class_of, listed

MakeModule = Callable[..., object]
PROGRAM_SUFFIX = ".pt2"
ONNX_SUFFIX = ".onnx"
ONNX_ALONE = (
    "an ONNX file; its graph is not served by itself: export the module with torch.export, or add "
    "the graph to its class, `stateserve pack FILE.py:CLASS STATE --onnx`"
)
# Arguments of a constructor that get the number of inputs, and of outputs.
IN_NAMES = (
    *("in_features", "n_features", "num_features", "n_inputs", "num_inputs"),
    *("input_size", "input_dim", "in_dim", "n_in", "d_in"),
)
OUT_NAMES = (
    *("out_features", "n_classes", "num_classes", "n_outputs", "num_outputs"),
    *("output_size", "output_dim", "out_dim", "n_out", "d_out"),
)
ORDINARY = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def find_class(code: ImportedCode, name: str | None) -> str:
    """`name`, or the name of the only module that the file defines. Raises CodeFailed."""
    classes = _modules_in(code)
    here = code.module.__name__
    if name is None:
        own = [each for each in classes if classes[each].__module__ == here]
        if len(own) == 1:
            return own[0]
        those = "no class of torch.nn.Module" if not own else f"several: {', '.join(own)}"
        raise CodeFailed(f"{code.file} defines {those}; name one: {code.file}:CLASS")
    found = getattr(code.module, name, None)
    if name in classes or inspect.isfunction(found):
        return name
    close = difflib.get_close_matches(name, classes, n=1)
    has = f"it has {', '.join(classes) or 'no class of torch.nn.Module'}"
    hint = f"did you mean {close[0]}?" if close else has
    if found is None:
        raise CodeFailed(f"{code.file} has no class {name}; {hint}")
    what = f"{class_of(found)}, not a class of torch.nn.Module"
    raise CodeFailed(f"{code.file}: {name} is {what}; {hint}")


def make_module(code: ImportedCode, name: str, kwargs: Mapping[str, JsonValue]) -> nn.Module:
    """Call the class with `kwargs`. The module is in evaluation mode. Raises CodeFailed."""
    make: MakeModule = getattr(code.module, name)
    where = f"{code.file}:{name}"
    _require_arguments(where, make, kwargs)
    with code.running(f"{name}({', '.join(kwargs)})"):
        module = make(**kwargs)
    if not isinstance(module, nn.Module):
        raise CodeFailed(f"{where} returned {class_of(module)}, not a torch.nn.Module")
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.device.type != "cpu":
            raise CodeFailed(f"{where} puts {name} on {tensor.device}; a model is built on the CPU")
    return module.eval()


def size_arguments(code: ImportedCode, name: str, inputs: int, outputs: int) -> dict[str, int]:
    """The arguments of the class that are named in IN_NAMES and OUT_NAMES, with these sizes."""
    try:
        parameters = inspect.signature(getattr(code.module, name)).parameters.values()
    except (TypeError, ValueError):
        return {}
    sizes = dict.fromkeys(IN_NAMES, inputs) | dict.fromkeys(OUT_NAMES, outputs)
    return {p.name: sizes[p.name] for p in parameters if p.kind in ORDINARY and p.name in sizes}


def _modules_in(code: ImportedCode) -> dict[str, type[nn.Module]]:
    return {
        name: each
        for name, each in vars(code.module).items()
        if isinstance(each, type)
        and issubclass(each, nn.Module)
        # Not what `from torch.nn import Module, Linear` brings.
        and not each.__module__.startswith("torch.")
    }


def _require_arguments(where: str, make: MakeModule, kwargs: Mapping[str, JsonValue]) -> None:
    try:
        parameters = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):
        return
    named = [each.name for each in parameters if each.kind in ORDINARY]
    missing = [
        each.name
        for each in parameters
        if each.kind in ORDINARY and each.default is each.empty and each.name not in kwargs
    ]
    if missing:
        example = ", ".join(f'"{name}": ...' for name in missing)
        raise CodeFailed(
            f"{where} needs the arguments {', '.join(missing)}: --kwargs '{{{example}}}', "
            f"or kwargs={{{example}}}"
        )
    unknown = sorted(kwargs.keys() - set(named))
    if unknown and not any(each.kind is each.VAR_KEYWORD for each in parameters):
        takes = f"it takes {', '.join(named)}" if named else "it takes none"
        raise CodeFailed(f"{where} has no argument {unknown[0]!r:.100}; {takes}")


def split_code(text: str) -> tuple[Path, str | None]:
    """Split `FILE.py:CLASS`, `FILE.py` or `FILE.pt2`. Raises CodeFailed."""
    file, colon, name = text.rpartition(":")
    if not colon or not name.isidentifier():
        file, name = text, ""
    if file.endswith(ONNX_SUFFIX):
        raise CodeFailed(f"{text:.200}: {ONNX_ALONE}")
    if not file.endswith((".py", ".pt2")) or (name and file.endswith(".pt2")):
        accepted = "code is FILE.py:CLASS, or FILE.pt2 of torch.export"
        raise CodeFailed(f"{text:.200}: {accepted}{_such_as(file, name or 'CLASS')}")
    return Path(file), name or None


def _such_as(place: str, name: str) -> str:
    """The file of a module, `nets` or `package.nets`, or the first files of a folder."""
    module, folder = Path(f"{place.replace('.', '/')}.py"), Path(place)
    with suppress(OSError, ValueError):
        files = [module] if module.is_file() else sorted(folder.glob("[!_]*.py"))
        if files:
            return f", such as {listed([f'{each}:{name}' for each in files], 3)}"
    return ""
