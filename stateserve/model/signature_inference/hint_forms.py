"""The short forms of hints: for the only input, or by the names of inputs and outputs."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic import JsonValue, ValidationError

from stateserve.errors import CardMismatch
from stateserve.model.feature import Feature, split_unit
from stateserve.model.fields import Frozen, first_fault
from stateserve.model.image_input import ImageInput
from stateserve.model.signature import TokensInput
from stateserve.model.signature_inference.class_names import ClassNames, class_names
from stateserve.model.signature_inference.hints import Hints

Fields = Mapping[str, JsonValue]
Part = TypeVar("Part", bound=Frozen)


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
    by_input = {"": features} if isinstance(features, Sequence) else features or {}
    return Hints(
        classes={} if classes is None else class_names(classes),
        image=_parts("image", ImageInput, image),
        tokens=_parts("tokens", TokensInput, tokens),
        features={name: _features(each) for name, each in by_input.items()},
        units={"": units} if isinstance(units, str) else units or {},
        dynamic={"": dynamic} if isinstance(dynamic, Sequence) else dynamic or {},
    )


def _parts(what: str, kind: type[Part], given: Fields | None) -> dict[str, Part]:
    if given is None:
        return {}
    single = not given or any(name in kind.model_fields for name in given)
    parts: Mapping[str, object] = {"": given} if single else given
    try:
        return {name: kind.model_validate(each) for name, each in parts.items()}
    except ValidationError as error:
        raise CardMismatch(f"{what}: {first_fault(error)}") from None


def _features(headers: Sequence[str | Feature]) -> list[Feature]:
    try:
        return [each if isinstance(each, Feature) else _feature(each) for each in headers]
    except ValidationError as error:
        raise CardMismatch(f"features: {first_fault(error)}") from None


def _feature(header: str) -> Feature:
    name, unit = split_unit(header)
    return Feature(name=name, unit=unit)
