"""`save_model`: from a module in a training script to files that serve."""

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import torch
from pydantic import JsonValue
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from stateserve.checkpoint import first_names
from stateserve.errors import CardMismatch, CodeFailed, ForwardFailed, StateMismatch
from stateserve.model.architectures.code import BuiltInCode, ClassFile, OpenCode, open_code
from stateserve.model.architectures.code_record import Code
from stateserve.model.architectures.import_guard import refuse_in_import
from stateserve.model.architectures.tabular import Tabular
from stateserve.model.arrays import TensorState
from stateserve.model.cards.model_card import TableRecord
from stateserve.model.feature import Feature
from stateserve.model.packing.arguments import (
    record_of,
    require_kwargs,
    require_module,
    require_path,
    require_texts,
)
from stateserve.model.packing.module_code import code_of
from stateserve.model.packing.packed import Packed, Packing, Record
from stateserve.model.packing.place import Place
from stateserve.model.signature_inference import Example, Inferred
from stateserve.model.signature_inference.class_names import ClassNames
from stateserve.model.signature_inference.hint_forms import Fields, hints_of
from stateserve.model.signature_inference.proof import Runner
from stateserve.model.tensor_model import require_close
from stateserve.text import class_of

logger = logging.getLogger("stateserve.model")
SAME_MODULE = "give the arguments of its class as kwargs, or save a program: program=True"


def save_model(
    module: nn.Module,
    example_inputs: Example,
    path: Path | str,
    *,
    name: str | None = None,
    code: str | Path | OpenCode | None = None,
    kwargs: Mapping[str, JsonValue] | None = None,
    program: bool = False,
    onnx: bool = False,
    classes: ClassNames | None = None,
    image: Fields | None = None,
    tokens: Fields | None = None,
    features: Sequence[str | Feature] | Mapping[str, Sequence[str | Feature]] | None = None,
    units: str | Mapping[str, str] | None = None,
    dynamic: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    dataset: str | None = None,
    hyperparameters: Mapping[str, bool | int | float | str] | None = None,
    metrics: Mapping[str, float] | None = None,
    table: TableRecord | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the module's state, code, card and golden file; returns the path of the state.

    `path` is a folder, `models/digits/1`, or a checkpoint, `models/digits.pth`. With `overwrite`,
    the files of an older model there are replaced; without it, FileExistsError says which file is
    there with other content, and nothing is written.

    `example_inputs` is an array or tensor, or one for each argument of forward: a tuple, or a
    mapping by name; axis 0 is the batch.

    The code is the file of the module's class, or `code`, `FILE.py:CLASS` or opened code; `kwargs`
    are the arguments of the class. A Tabular needs no file. With `program`, it is a program of
    torch.export; with `onnx`, the ONNX graph is written, too. `classes` name the last axis of the
    output that has so many columns: a list of names, `{name: index}` or `{index: name}`; of several
    outputs by name, `{"kind": ["a", "b"]}`. See hints_of for `image`, `tokens`, `features`, `units`
    and `dynamic`.

    The written model is loaded again, and must give the outputs of `module`. The logger
    stateserve.model has the signature, what was assumed, and how to serve it, at the level INFO.
    The module keeps its device and its mode. Raises CheckpointError, one line, or OSError.
    """
    refuse_in_import("save_model is called")
    require_module(module)
    require_path(path)
    require_kwargs(kwargs)
    require_texts(name=name)
    module = _unwrapped(module)
    hints = hints_of(
        classes=classes, image=image, tokens=tokens, features=features, units=units, dynamic=dynamic
    )
    place = Place.of(Path(path))
    record = record_of(dataset, hyperparameters, metrics, table)
    state = _state_of(module)
    with _in_evaluation(module) as live:
        opened = _opened(live, code, kwargs, program=program)
        if isinstance(opened, ClassFile):
            opened = opened.cast_as(state)
        try:
            packing = Packing(opened, state, example_inputs, hints)
        except StateMismatch as error:
            raise StateMismatch(f"{error}; {SAME_MODULE}") from None
        advice = packing.found.advice
        for line in advice:
            logger.warning("%s: %s", path, line)
        if program:
            packing.export(Path(place.state).stem)
        if onnx:
            packing.add_graph()
        _require_same_outputs(live, packing.found)
    packed = _written(packing, place, name, record, replace=overwrite)
    lines = (*packed.card.signature.lines, *packed.notes, f"to serve it: {packed.serve}")
    for line in lines:
        if line not in advice:
            logger.info("%s: %s", packed.state, line)
    return packed.state


def _opened(
    module: nn.Module,
    code: str | Path | OpenCode | None,
    kwargs: Mapping[str, JsonValue] | None,
    *,
    program: bool,
) -> OpenCode:
    if isinstance(code, str | Path):
        return open_code(str(code), kwargs or {})
    if code is not None:
        return code
    return LiveModule(module) if program else _code_of(module, kwargs)


def _written(
    packing: Packing, place: Place, name: str | None, record: Record, *, replace: bool
) -> Packed:
    try:
        return packing.write(place, name, record, replace=replace)
    except FileExistsError as error:
        if error.filename == str(place.folder):
            raise
        hint = "there already: overwrite=True replaces it, another version such as models/digits/2 "
        raise FileExistsError(error.errno, f"{hint}keeps both", error.filename) from None


def _code_of(module: nn.Module, kwargs: Mapping[str, JsonValue] | None) -> OpenCode:
    return BuiltInCode() if isinstance(module, Tabular) else code_of(module, kwargs)


class LiveModule:
    """A module as it is in memory; it becomes a program of torch.export."""

    files: ClassVar[Mapping[str, bytes]] = {}

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    @property
    def entry(self) -> Code:
        raise CodeFailed("a module in memory has no file")

    def module_of(self, _state: TensorState | None) -> nn.Module:
        return self._module


def _unwrapped(module: nn.Module) -> nn.Module:
    """The module in DataParallel, or in what torch.compile returned."""
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return _unwrapped(module.module)
    inner = getattr(module, "_orig_mod", None)
    return _unwrapped(inner) if isinstance(inner, nn.Module) else module


def _state_of(module: nn.Module) -> TensorState:
    """A copy on the CPU: training may go on. Names of one tensor stay names of one."""
    held = module.state_dict()
    for name, each in held.items():
        if not isinstance(each, Tensor):
            raise StateMismatch(
                f"{name!r:.100} of the state is {class_of(each)}; a state of tensors is "
                "packed, such as that of a module before torch.ao quantizes it"
            )
        if is_lazy(each) or each.is_meta:
            raise StateMismatch(
                f"{name!r:.100} of the state has no values: it is on the meta device, or of a lazy "
                "module before its first forward"
            )
    firsts = first_names(held)
    copies = {
        name: held[name].detach().cpu().clone(memory_format=torch.contiguous_format)
        for name in set(firsts.values())
    }
    return {name: copies[firsts[name]] for name in held}


@contextmanager
def _in_evaluation(module: nn.Module) -> Iterator[nn.Module]:
    """The module, or a copy of it on the CPU, in evaluation mode; afterwards it is as before."""
    on_cpu = all(each.device.type == "cpu" for each in (*module.parameters(), *module.buffers()))
    modes = [(each, each.training) for each in module.modules()]
    try:
        yield module.eval() if on_cpu else copy.deepcopy(module).cpu().eval()
    finally:
        for each, training in modes:
            each.training = training


def _require_same_outputs(live: nn.Module, found: Inferred) -> None:
    """Raise CardMismatch unless `live` gives the golden outputs."""
    run = Runner(live, [each.name for each in found.signature.inputs])
    for rows, (inputs, outputs) in found.golden.items():
        try:
            mine = run(inputs)
            for name, array in outputs.items():
                require_close(name, array, mine.get(name, array[:0]), f"{rows} rows")
        except (ForwardFailed, CardMismatch) as error:
            raise CardMismatch(
                f"the module as made again from its code differs from the given one: {error}; "
                f"{SAME_MODULE}"
            ) from None
