"""Infer a signature: names, dtypes, shapes, and kinds that are certain."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from stateserve.checkpoint import Array
from stateserve.errors import CardMismatch, ForwardFailed
from stateserve.model.architectures.exported_program import ProgramModule
from stateserve.model.arrays import is_float, numpy_dtype
from stateserve.model.equal_axes import Axis, axes_text
from stateserve.model.fields import ANY
from stateserve.model.noise import is_noise
from stateserve.model.signature import DTYPES, Dtype, Input, Output, Signature
from stateserve.model.signature_inference.axes import (
    Axes,
    by_input,
    changed_axes,
    declared_axes,
    declared_equal,
    too_narrow,
    tried_equal,
)
from stateserve.model.signature_inference.example import Example, name_inputs
from stateserve.model.signature_inference.feature_ranges import with_ranges
from stateserve.model.signature_inference.hints import Hints, by_name, made
from stateserve.model.signature_inference.kinds import kind_of
from stateserve.model.signature_inference.proof import Golden, NotServable, Runner, Stage, prove
from stateserve.model.signature_inference.rows import GOLDEN_ROWS, Rows, random_rows, repeats
from stateserve.model.signature_inference.vocabulary import require_vocabulary

# In torch's errors about dtypes, which may only be those of an interpretation.
OF_DTYPE = re.compile("scalar type|same dtype|Input type|not implemented for '")


@dataclass(frozen=True)
class Inferred:
    """A signature, the golden arrays by the number of rows, and what was assumed, as lines.

    `narrow` are axes that the example fixes, though the forward takes other lengths; `noisy` are
    inputs of pictures whose example is noise.
    """

    signature: Signature
    golden: Golden
    notes: list[str]
    narrow: Sequence[Axis] = ()
    noisy: Sequence[str] = ()

    @property
    def lines(self) -> list[str]:
        """The notes and the advice."""
        return [*self.notes, *self.advice]

    @property
    def advice(self) -> list[str]:
        """How to free the axes that the example fixes, and to give a picture in place of noise."""
        noisy = [
            f"{name}: the example is noise, or one colour, and nothing to try the model with; give "
            "a picture, --example FILE.png, or the tensors of pictures as example_inputs"
            for name in self.noisy
        ]
        return [*([self._hint] if self._hint else []), *noisy]

    @property
    def _hint(self) -> str | None:
        """How to free the axes that the example fixes, if the forward takes other lengths."""
        if not self.narrow:
            return None
        option = ",".join(each.text for each in self.narrow)
        return (
            f"fixed to the lengths of the example, though the forward takes others: "
            f"{axes_text(self.narrow)}; for any length give --dynamic {option}, or "
            f"dynamic={json.dumps(by_input(self.narrow))}"
        )


def infer(module: nn.Module, example: Example, hints: Hints) -> Inferred:
    """Run `module` on the example, and as batches of its rows.

    Where its forward fails, the example is tried with a batch axis in front, and in the module's
    dtype. Raises CardMismatch: one line that says why the module cannot be served.
    """
    try:
        named = name_inputs(module, example)
        rows, golden, notes = _interpret(module, named)
        run = Runner(module, list(rows))
        dynamic: Axes
        changed: Axes
        if isinstance(module, ProgramModule):
            # The program itself says which axes have any length.
            dynamic, changed = declared_axes(module.inputs), declared_axes(module.outputs)
            equal = declared_equal(module.inputs)
        else:
            dynamic = by_name("dynamic", hints.dynamic, list(named))
            changed = changed_axes(run, golden[GOLDEN_ROWS], dynamic)
            equal = tried_equal(run, golden[1][0], dynamic)
        inputs = [
            made(
                Input,
                name=name,
                dtype=_dtype(name, each),
                shape=_shape(each, dynamic.get(name, ())),
            )
            for name, each in rows.items()
        ]
        outputs = _outputs(run, rows, golden, changed)
        signature = hints.apply(inputs, outputs, equal)
        require_vocabulary(run, rows, signature.inputs)
        signature, ranges = with_ranges(signature, rows)
        notes += ranges
    except (ValueError, NotServable) as error:
        raise CardMismatch(str(error)) from None
    is_program = isinstance(module, ProgramModule)
    narrow = [] if is_program else too_narrow(run, golden[1][0], signature.inputs)
    noisy = [each.name for each in signature.inputs if is_noise(rows[each.name], each)]
    return Inferred(signature, golden, notes, narrow, noisy)


def _interpret(module: nn.Module, named: Rows) -> tuple[Rows, Golden, list[str]]:
    """The first interpretation of the example that can be served. Raises NotServable: why not,
    for the one that came closest."""
    failures: list[tuple[Stage, bool, bool, NotServable]] = []
    for rows, notes, as_given in _interpretations(module, named):
        try:
            golden = prove(Runner(module, list(rows)), rows)
        except NotServable as error:
            is_cause = not OF_DTYPE.search(str(error))
            failures.append((error.stage, as_given, is_cause, error))
        else:
            if repeats(golden[GOLDEN_ROWS][0]):
                notes.append("all golden rows are equal: an example with other values proves more")
            return rows, golden, notes
    # Of equal ones the last that adds no axis: in the module's dtype, its error says more.
    raise max(reversed(failures), key=lambda each: each[:3])[-1]


def _interpretations(module: nn.Module, named: Rows) -> Iterator[tuple[Rows, list[str], bool]]:
    floats = [
        tensor.dtype
        for tensor in (*module.parameters(), *module.buffers())
        if tensor.is_floating_point()
    ]
    dtype = numpy_dtype(floats[0] if floats else torch.float32)
    for batched in (False, True):
        seen: list[list[str]] = []
        for casts in (lambda _: False, is_float, lambda _: True):
            rows = {
                name: each.astype(dtype) if casts(each) else each for name, each in named.items()
            }
            dtypes = [each.dtype.name for each in rows.values()]
            if dtypes in seen:
                continue
            seen.append(dtypes)
            notes = [
                f"{name} is {rows[name].dtype} as the module's parameters; the example is "
                f"{each.dtype}"
                for name, each in named.items()
                if rows[name].dtype != each.dtype
            ]
            if batched:
                rows = {name: each[np.newaxis] for name, each in rows.items()}
                notes.append("the example has no batch axis; one was put in front")
            if all(each.ndim for each in rows.values()):
                yield rows, notes, not batched


def _outputs(run: Runner, rows: Rows, golden: Golden, changed: Axes) -> list[Output]:
    together = golden[GOLDEN_ROWS][1]
    try:
        more = run(random_rows(rows))
    except ForwardFailed:
        more = {}
    found = []
    for name, array in together.items():
        fits = name in more and more[name].shape[1:] == array.shape[1:]
        kind = kind_of([array, more[name]] if fits else [array])
        shape = _shape(array, changed.get(name, ()))
        found.append(made(Output, name=name, dtype=_dtype(name, array), shape=shape, kind=kind))
    return found


def _shape(array: Array, dynamic: Sequence[int]) -> list[int]:
    return [ANY if axis == 0 or axis in dynamic else n for axis, n in enumerate(array.shape)]


def _dtype(name: str, array: Array) -> Dtype:
    for dtype in DTYPES:
        if dtype == array.dtype.name:
            return dtype
    raise ValueError(f"{name} is {array.dtype}; served are {', '.join(DTYPES)}")
