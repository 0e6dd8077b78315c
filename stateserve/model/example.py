"""A valid input of any signature, to describe and to show a model with."""

from collections.abc import Mapping

import numpy as np
import torch
from pydantic import JsonValue

from stateserve.checkpoint import Array
from stateserve.model.arrays import to_array
from stateserve.model.feature import named_values
from stateserve.model.fields import ANY
from stateserve.model.signature import Input, Signature

# The lengths of axes that the signature leaves open.
OPEN_LENGTH = 8
OPEN_PIXELS = 224
# The most numbers of an example in JSON.
MAX_NUMBERS = 4096


def zeros(signature: Signature) -> dict[str, Array]:
    """Zeros of shape (1, ...) for every input."""
    return {
        each.name: to_array(torch.zeros(1, *_lengths(each), dtype=getattr(torch, each.dtype)))
        for each in signature.inputs
    }


def _lengths(given: Input) -> list[int]:
    if given.image is None:
        return [OPEN_LENGTH if length == ANY else length for length in given.row_shape]
    pairs = zip(given.row_shape, given.image.row_shape, strict=True)
    return [OPEN_PIXELS if max(pair) == ANY else max(pair) for pair in pairs]


def example_json(signature: Signature, inputs: Mapping[str, Array]) -> JsonValue:
    """The first instance of `inputs` as an object by input name, or by the names of the columns of
    a table: a body of /predict.

    None if it has more than MAX_NUMBERS numbers, or numbers that JSON lacks.
    """
    rows = {each.name: inputs[each.name][0] for each in signature.inputs}
    if sum(row.size for row in rows.values()) > MAX_NUMBERS:
        return None
    if not all(_is_json(each, rows[each.name]) for each in signature.inputs):
        return None
    instance = {each.name: _values(each, rows[each.name]) for each in signature.inputs}
    if len(signature.inputs) == 1 and signature.inputs[0].features:
        # A row of a table stands for itself.
        (values,) = instance.values()
        instance = values if isinstance(values, dict) else instance
    # Alone, it would be read as a list of instances.
    return {"instances": [instance]} if "instances" in instance else instance


def _is_json(given: Input, row: Array) -> bool:
    """Whether all numbers are finite, or missing values of a table."""
    return bool(np.isfinite(row).all()) or not given.plain


def _values(given: Input, row: Array) -> JsonValue:
    if row.dtype.kind not in "biu":
        wide = row if row.dtype == np.float64 else row.astype(np.float32)
        # The shortest text that reads back as the same number: 5.1, not 5.099999904632568.
        row = wide.astype(str).astype(np.float64)
    if given.features:
        return named_values(given.features, row.tolist())
    values: JsonValue = row.tolist()
    return values
