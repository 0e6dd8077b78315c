"""Reads JSON values as the input tensors of one instance, and names every error."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.errors import InvalidInstances
from app.predict.codecs.json_request import MAX_FAULTS, read_flower
from app.predict.codecs.json_text import JsonObject, describe, escape
from app.predict.codecs.tensor_values import describe_shape, dtype_of, require_valid
from stateserve.checkpoint import Array
from stateserve.errors import Fault
from stateserve.model import Arrays, Input
from stateserve.model.signature import ANY

WORDS = {"b": "true or false", "i": "an integer", "u": "an integer"}


def read_instance(value: Any, inputs: Sequence[Input], at: str) -> Arrays:
    """The arrays of one instance, without a batch axis; `value` is of parse_json.

    An instance is an object by input name; for a model of one input, the input's value alone
    will do. Raises InvalidInstances with a JSON pointer.
    """
    if len(inputs) == 1 and not _is_by_name(value, inputs[0]):
        return {inputs[0].name: read_input(value, inputs[0], at)}
    if not isinstance(value, JsonObject):
        raise _wrong(at, value, f"an object with {_listed(inputs)}")
    known = {each.name: each for each in inputs}
    found: Arrays = {}
    for name, each in value:
        pointer = f"{at}/{escape(name)}"
        if name not in known:
            raise _fault(pointer, f"unknown input; the inputs are {_listed(inputs)}")
        if name in found:
            raise _fault(pointer, "stands twice")
        found[name] = read_input(each, known[name], pointer)
    for name, given in known.items():
        if name not in found:
            raise _fault(f"{at}/{escape(name)}", f"missing; {describe_shape(given)} is needed")
    return {name: found[name] for name in known}


def _is_by_name(value: Any, given: Input) -> bool:
    if not isinstance(value, JsonObject):
        return False
    # A flower is an object, too; so is a picture in base64.
    names = {name for name, _ in value}
    if given.features and names != {given.name}:
        return False
    return given.image is None or names != {"b64"}


def read_input(value: Any, given: Input, at: str) -> Array:
    """The array of one input of one instance. Raises InvalidInstances."""
    if given.features and isinstance(value, JsonObject):
        faults: list[Fault] = []
        names = [feature.name for feature in given.features]
        numbers = read_flower(value, names, at, faults)
        if faults:
            raise InvalidInstances(faults[:MAX_FAULTS])
        return np.array(numbers, dtype_of(given.dtype))
    if given.image and isinstance(value, JsonObject):
        return _picture(value, given, at)
    shape = _shape_of(value, given, at)
    array = np.empty(shape, dtype_of(given.dtype))
    _fill(array, value, given, at)
    return require_valid(given, array, at)


def _picture(value: JsonObject, given: Input, at: str) -> Array:
    raise _wrong(at, value, describe_shape(given))


def _shape_of(value: Any, given: Input, at: str) -> list[int]:
    """The lengths of the first lists, on each level, where the signature accepts them."""
    shape: list[int] = []
    place = at
    for expected in given.row_shape:
        if not isinstance(value, list) or isinstance(value, JsonObject):
            raise _wrong(place, value, f"a list ({describe_shape(given)})")
        if expected not in (ANY, len(value)):
            raise _fault(place, f"{len(value)} values, not {expected}: {describe_shape(given)}")
        shape.append(len(value))
        if not value:
            return shape + [max(length, 0) for length in given.row_shape[len(shape) :]]
        value, place = value[0], f"{place}/0"
    return shape


def _fill(array: Array, value: Any, given: Input, at: str) -> None:
    if array.ndim == 0:
        array[()] = _scalar(value, given, at)
        return
    if not isinstance(value, list) or isinstance(value, JsonObject):
        raise _wrong(at, value, "a list")
    if len(value) != len(array):
        raise _fault(at, f"{len(value)} values, not {len(array)} as in the lists before it")
    for index, each in enumerate(value):
        pointer = f"{at}/{index}"
        if array.ndim == 1:
            array[index] = _scalar(each, given, pointer)
        else:
            _fill(array[index], each, given, pointer)


def _scalar(value: Any, given: Input, at: str) -> bool | int | float:
    kind = dtype_of(given.dtype).kind
    if kind == "b":
        if not isinstance(value, bool):
            raise _wrong(at, value, WORDS["b"])
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(at, value, WORDS.get(kind, "a finite number"))
    if kind in "iu":
        if not isinstance(value, int):
            raise _fault(at, "a number with a fraction where an integer belongs")
        limits = np.iinfo(dtype_of(given.dtype))
        if not limits.min <= value <= limits.max:
            raise _fault(at, f"outside of {given.dtype}: {limits.min} to {limits.max}")
        return value
    with np.errstate(over="ignore"):
        try:
            finite = bool(np.isfinite(dtype_of(given.dtype).type(value)))
        except OverflowError:
            finite = False
    if not finite:
        raise _fault(at, f"too large for {given.dtype}")
    return value


def _listed(inputs: Sequence[Input]) -> str:
    return ", ".join(f"{each.name} ({describe_shape(each)})" for each in inputs)


def _wrong(at: str, value: Any, expected: str) -> InvalidInstances:
    return _fault(at, f"{describe(value)} where {expected} belongs")


def _fault(at: str, detail: str) -> InvalidInstances:
    return InvalidInstances([Fault(at, detail)])
