"""Combines the parts of the explanation of one instance of any module."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidQuery
from app.explain.activations import Activation, read_activations
from app.explain.attribution import Attributed
from app.explain.shapley import share, takes_columns
from app.explain.tensor_gradients import attribute
from stateserve.model import Arrays, Output, TensorModel

Method = Literal["integrated_gradients", "saliency", "shapley", "none"]


@dataclass(frozen=True)
class Question:
    """What to explain; None is the first output that classifies, and its most probable class.

    `target` is a class, by name or index, or an element of the output, by its place in the flat
    output ("28") or its index on each axis ("1,3,0"). The method "none" gives activations alone;
    None is "shapley" for a table that is not of plain numbers, or whose module has medians of its
    columns, and else "integrated_gradients".
    """

    output: str | None = None
    target: str | None = None
    method: Method | None = None
    activations: str | None = None


@dataclass(frozen=True)
class TensorExplanation:
    """`index` is the explained element of the flat `output`, `label` its class, if it has one."""

    output: Output
    index: int
    label: str | None
    method: Method
    attributions: Attributed | None
    activations: list[Activation] | None


def explain_tensors(
    model: TensorModel, inputs: Arrays, question: Question, check: Callable[[], None]
) -> TensorExplanation:
    """Explain a value that `model` predicts for `inputs`, with one instance each.

    `check` is called before each pass, and may raise. Raises InvalidQuery, NotProvided, or
    ForwardFailed.
    """
    output = _output(model, question.output)
    check()
    values = model.run({name: array.copy() for name, array in inputs.items()})[output.name]
    index = _index(output, values[0].astype(np.float64), question.target)
    method = question.method or ("shapley" if takes_columns(model) else "integrated_gradients")
    found = None
    if method == "shapley":
        found = share(model, inputs, output, index, check)
    elif method != "none":
        found = attribute(model, inputs, output, index, method, check)
    activations = None
    if question.activations is not None:
        check()
        activations = read_activations(
            model, question.activations, lambda replica: model.run_replica(replica, inputs)
        )
    label = output.labels[index] if output.classifies else None
    return TensorExplanation(output, index, label, method, found, activations)


def _output(model: TensorModel, name: str | None) -> Output:
    outputs = model.signature.outputs
    if name is None:
        return next((each for each in outputs if each.classifies), outputs[0])
    for output in outputs:
        if output.name == name:
            return output
    names = ", ".join(each.name for each in outputs)
    raise InvalidQuery(f"output: no output {name[:200]!r}; known: {names}")


def _index(output: Output, values: NDArray[np.float64], target: str | None) -> int:
    if not values.size:
        raise InvalidQuery(f"output: {output.name!r} has no values for this instance")
    if target is None:
        return int(np.nan_to_num(values, nan=-np.inf).argmax())
    if output.classifies and target in output.labels:
        return output.labels.index(target)
    index = _flat_index(target, values.shape)
    if index is not None:
        return index
    what = "class" if output.classifies else "element"
    axes = f"; or an index for each axis of {list(values.shape)}" if values.ndim > 1 else ""
    raise InvalidQuery(
        f"target: {output.name!r} has no {what} {target[:200]!r}; name one, or send its index "
        f"from 0 to {values.size - 1}{axes}"
    )


def _flat_index(target: str, shape: tuple[int, ...]) -> int | None:
    if not re.fullmatch(r"\d{1,9}(,\d{1,9})*", target, re.ASCII):
        return None
    index = [int(part) for part in target.split(",")]
    try:
        return int(np.ravel_multi_index(index, (math.prod(shape),) if len(index) == 1 else shape))
    except ValueError:
        return None
