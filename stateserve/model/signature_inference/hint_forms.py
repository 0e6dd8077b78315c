"""The short forms of hints: for the only input, or by the names of inputs and outputs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from pydantic import JsonValue, TypeAdapter, ValidationError

from stateserve.errors import CardMismatch
from stateserve.field_faults import first_fault
from stateserve.model.feature import Feature, split_unit
from stateserve.model.fields import Frozen
from stateserve.model.image_input import ImageInput
from stateserve.model.signature import TokensInput
from stateserve.model.signature_inference.class_names import ClassNames, class_names
from stateserve.model.signature_inference.hints import Hints

Fields = Mapping[str, JsonValue]
Part = TypeVar("Part", bound=Frozen)
Value = TypeVar("Value")
_UNITS = TypeAdapter(str)
_AXES = TypeAdapter(Sequence[int])
SAMPLES = {
    "image": '{"mode": "L", "resize": [28, 28]}',
    "tokens": '{"vocabulary": 1000, "pad": 0}',
}


def hints_of(
    *,
    classes: ClassNames | None = None,
    image: Fields | None = None,
    tokens: Fields | None = None,
    features: Sequence[str | Feature] | Mapping[str, Sequence[str | Feature]] | None = None,
    units: str | Mapping[str, str] | None = None,
    dynamic: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
) -> Hints:
    """Hints from plain values. Raises CardMismatch, one line.

    `classes` are a list of names, {name: index} or {index: name}, for the only output with so many
    columns, or such by output. `image` has the fields of ImageInput and `tokens` those of
    TokensInput, or such an object for each input. `features` are the columns of the only input, or
    their names: "petal length (cm)" has a unit.
    """
    by_input = features if isinstance(features, Mapping) else {"": features}
    return Hints(
        classes={} if classes is None else class_names(classes),
        image=_parts("image", ImageInput, image),
        tokens=_parts("tokens", TokensInput, tokens),
        features={} if features is None else {n: _features(each) for n, each in by_input.items()},
        units=_by_name("units", _UNITS, units, 'a text, or texts by output, {"price": "EUR"}'),
        dynamic=_by_name("dynamic", _AXES, dynamic, 'a list of axes, or by input, {"ids": [1]}'),
    )


def _parts(what: str, kind: type[Part], given: Fields | None) -> dict[str, Part]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise CardMismatch(f"{what}: {given!r:.100}; accepted is a dict, such as {SAMPLES[what]}")
    named = given and all(isinstance(each, Mapping) for each in given.values())
    parts: Mapping[str, object] = given if named else {"": given}
    return {name: _part(f"{what} of {name}" if name else what, kind, parts[name]) for name in parts}


def _part(what: str, kind: type[Part], given: object) -> Part:
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise CardMismatch(f"{what:.200}: {first_fault(error)}") from None


def _by_name(
    what: str, form: TypeAdapter[Value], given: object, accepted: str
) -> Mapping[str, Value]:
    """`given`, a value of this form for the only name, or such by name."""
    if given is None:
        return {}
    parts = given if isinstance(given, Mapping) else {"": given}
    try:
        return {str(name): form.validate_python(each) for name, each in parts.items()}
    except ValidationError:
        raise CardMismatch(f"{what}: {given!r:.100}; accepted is {accepted}") from None


def _features(headers: object) -> list[Feature]:
    columns: list[object] = [None]
    if isinstance(headers, Iterable) and not isinstance(headers, str | bytes | set):
        columns = list(headers)
    if not all(isinstance(each, str | Feature) for each in columns):
        accepted = 'a list of columns, ["length (cm)", "width (cm)"], or such by input'
        raise CardMismatch(f"features: {headers!r:.100}; accepted is {accepted}")
    try:
        return [each if isinstance(each, Feature) else _feature(str(each)) for each in columns]
    except ValidationError as error:
        raise CardMismatch(f"features: {first_fault(error)}") from None


def _feature(header: str) -> Feature:
    name, unit = split_unit(header)
    return Feature(name=name, unit=unit)
