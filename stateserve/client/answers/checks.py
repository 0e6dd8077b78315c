"""Whether answers fit their request: those of a broken server or proxy are no answers.

Each function raises ValueError, which says what does not fit.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from stateserve.checkpoint import Array
from stateserve.client.answers.classes import Classified, require_possible
from stateserve.client.predictions import Prediction
from stateserve.model import Output, require_probabilities


def require_answers(
    answers: Sequence[Prediction], rows: int | None = None, top: int | None = None
) -> None:
    """`rows` answers, or any number but 0, whose classes and outputs have the same names, and whose
    probabilities are possible; of each `top` classes, if it is given."""
    if not answers and rows is None:
        raise ValueError("no answers")
    if rows is not None:
        _require_count(len(answers), rows)
    for answer in answers:
        first = answers[0]
        same = answer.outputs.keys() == first.outputs.keys()
        same &= len(answer.probabilities) == len(first.probabilities)
        if top is None:
            same &= answer.probabilities.keys() == first.probabilities.keys()
        if not same:
            raise ValueError("two answers with other classes or outputs")
        if not answer.outputs:
            require_possible(answer, top)
        for value in answer.outputs.values():
            if isinstance(value, dict):
                require_possible(msgspec.convert(value, Classified), top)


def require_outputs(
    outputs: Mapping[str, Array], signature: Sequence[Output], rows: int, outside: int
) -> None:
    """The outputs of the signature, by name, for so many rows: their shapes and kinds of dtypes,
    finite unless an output is of kind "tensor", as the service promises, and probabilities that
    sum to 1. `outside` counts rows, too."""
    names = [output.name for output in signature]
    if outputs.keys() != set(names):
        raise ValueError(f"the outputs are {', '.join(outputs)}; the model has {', '.join(names)}")
    for output in signature:
        _require_output(outputs[output.name], output, rows)
    if not 0 <= outside <= rows:
        raise ValueError(f"{outside} of {rows} rows are out of range")


def _require_output(array: Array, output: Output, rows: int) -> None:
    if not output.fits(array.shape):
        raise ValueError(
            f"an array of shape {list(array.shape)}; that of {output.name} is {output.shape}"
        )
    _require_count(len(array), rows)
    if _kind(array.dtype.name) != _kind(output.dtype):
        raise ValueError(f"an array of {array.dtype}; {output.name} is {output.dtype}")
    if output.kind != "tensor" and not np.isfinite(array).all():
        raise ValueError(f"{output.name} has NaN or infinity")
    require_probabilities(output, array)


def _kind(dtype: str) -> str:
    """The dtype's name without its size; bfloat16 is a float."""
    return dtype.removeprefix("b").rstrip("0123456789") if dtype != "bool" else dtype


def _require_count(found: int, rows: int) -> None:
    if found != rows:
        raise ValueError(f"{found} answers to {rows} rows")
