"""Combines the parts of the explanation of one instance of any module."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidQuery
from app.explain.activations import Activation, read_activations
from app.explain.gradients import Gradients, attribute
from stateserve.model import Arrays, Output, TensorModel


@dataclass(frozen=True)
class Question:
    """What to explain; None is the first output that classifies, and its most probable class.

    `target` is a class, by name or index, or the place of an element in the flat output. The
    method "none" gives activations alone.
    """

    output: str | None = None
    target: str | None = None
    method: Literal["integrated_gradients", "saliency", "none"] = "integrated_gradients"
    activations: str | None = None


@dataclass(frozen=True)
class TensorExplanation:
    """`index` is the explained element of the flat `output`, `label` its class, if it has one."""

    output: Output
    index: int
    label: str | None
    gradients: Gradients | None
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
    index = _index(output, values[0].reshape(-1).astype(np.float64), question.target)
    gradients = None
    if question.method != "none":
        gradients = attribute(model, inputs, output, index, question.method, check)
    activations = None
    if question.activations is not None:
        check()
        activations = read_activations(
            model, question.activations, lambda replica: model.run_replica(replica, inputs)
        )
    label = output.labels[index] if output.classifies else None
    return TensorExplanation(output, index, label, gradients, activations)


def _output(model: TensorModel, name: str | None) -> Output:
    outputs = model.signature.outputs
    if name is None:
        return next((each for each in outputs if each.classifies), outputs[0])
    for output in outputs:
        if output.name == name:
            return output
    names = ", ".join(each.name for each in outputs)
    raise InvalidQuery(f"output: no output {name[:200]!r}; there is {names}")


def _index(output: Output, values: NDArray[np.float64], target: str | None) -> int:
    if not values.size:
        raise InvalidQuery(f"output: {output.name!r} has no values for this instance")
    if target is None:
        return int(np.nan_to_num(values, nan=-np.inf).argmax())
    if output.classifies and target in output.labels:
        return output.labels.index(target)
    if target.isascii() and target.isdigit() and len(target) < 10 and int(target) < values.size:
        return int(target)
    what = "class" if output.classifies else "element"
    raise InvalidQuery(
        f"target: {output.name!r} has no {what} {target[:200]!r}; name one, or send its index "
        f"from 0 to {values.size - 1}"
    )
