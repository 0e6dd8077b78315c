"""What a user adds to a signature that an example does not show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import ValidationError

from stateserve.model.equal_axes import Axis
from stateserve.model.feature import Feature
from stateserve.model.fields import Frozen
from stateserve.model.image_input import ImageInput
from stateserve.model.signature import CLASS_KINDS, Input, Output, Signature, TokensInput
from stateserve.text import printable

Value = TypeVar("Value")
Part = TypeVar("Part", bound=Frozen)
# How a hint names its input or output.
BY_NAME = {
    "image": '{"NAME": {...}}',
    "tokens": '{"NAME": {...}}',
    "features": '{"NAME": [...]}',
    "units": "NAME=UNIT",
    "dynamic": "NAME:AXIS",
}
CLASS_MAP = (
    "; without the classes the answer has all values, and a forward that returns argmax(1) answers "
    "with the class of each pixel"
)


@dataclass(frozen=True)
class Hints:
    """`dynamic` has axes of any length, by input; `image`, `tokens` and `features` are by input,
    `units` by output; an empty one means values without a unit. The name "" means the only one.

    `classes` name the last axis of an output.
    """

    classes: Sequence[str] | None = None
    image: Mapping[str, ImageInput] = field(default_factory=dict)
    tokens: Mapping[str, TokensInput] = field(default_factory=dict)
    features: Mapping[str, Sequence[Feature]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    dynamic: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def apply(
        self, inputs: Sequence[Input], outputs: Sequence[Output], equal: Sequence[Sequence[Axis]]
    ) -> Signature:
        """The signature with everything that the hints add; axes of a group in `equal` have
        equal lengths. Raises ValueError, one line."""
        names = [each.name for each in inputs]
        image = by_name("image", self.image, names)
        tokens = by_name("tokens", self.tokens, names)
        features = by_name("features", self.features, names)
        described = [
            made(
                Input,
                name=each.name,
                dtype=each.dtype,
                shape=each.shape,
                image=image.get(each.name),
                tokens=tokens.get(each.name),
                features=list(features[each.name]) if each.name in features else None,
            )
            for each in inputs
        ]
        return made(
            Signature,
            inputs=described,
            outputs=self._named(outputs),
            equal_axes=[[each.text for each in group] for group in equal],
        )

    def _named(self, outputs: Sequence[Output]) -> list[Output]:
        units = by_name("units", self.units, [each.name for each in outputs])
        with_units = [
            each.model_copy(update={"kind": "values", "unit": units[each.name] or None})
            if each.name in units
            else each
            for each in outputs
        ]
        if self.classes is None:
            return with_units
        count = len(self.classes)
        fitting = [each for each in with_units if each.shape[1:] == [count] and count > 1]
        if not fitting:
            found = ", ".join(f"{each.name} {each.shape}" for each in outputs)
            maps = any(len(each.shape) > 2 and each.shape[1] == count for each in outputs)
            raise ValueError(
                f"{count} classes need an output of shape [rows, {count}]; the outputs are {found}"
                f"{CLASS_MAP if maps else ''}"
            )
        chosen = fitting[0]
        kind = chosen.kind if chosen.kind in CLASS_KINDS else "logits"
        named = made(
            Output,
            name=chosen.name,
            dtype=chosen.dtype,
            shape=chosen.shape,
            kind=kind,
            classes=list(self.classes),
        )
        return [named if each is chosen else each for each in with_units]


def made(form: type[Part], /, **fields: object) -> Part:
    """Raises ValueError, one line that begins with the name."""
    try:
        return form.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        reason = first["msg"].removeprefix("Value error, ")
        reason = f"{where}: {reason}" if where else reason
        name = printable(str(fields.get("name") or "the signature"))
        raise ValueError(f"{name:.200}: {reason}") from None


def by_name(what: str, given: Mapping[str, Value], names: Sequence[str]) -> dict[str, Value]:
    """`given` with the name "" replaced. Raises ValueError for an unknown or unclear name."""
    found = {}
    for name, value in given.items():
        if not name and len(names) > 1:
            several = " or ".join(map(repr, names))
            raise ValueError(f"{what}: of which, {several}? Give {BY_NAME[what]} with its name")
        if name and name not in names:
            raise ValueError(f"{what}: no {name!r:.100}; the names are {', '.join(names)}")
        found[name or names[0]] = value
    return found
