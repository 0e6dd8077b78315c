"""What a user adds to a signature that an example does not show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import ValidationError

from stateserve.field_faults import first_fault
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
    "classes": '{"NAME": [...]}',
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
INDEX = "; let forward return the logits in place of the index of the class, their argmax"
ONE_NUMBER = (
    "; of p, the probability of the second class as a column, let forward return "
    "torch.cat([1 - p, p], 1), and of its logit z torch.cat([torch.zeros_like(z), z], 1)"
)


@dataclass(frozen=True)
class Hints:
    """`dynamic` has axes of any length, by input; `image`, `tokens` and `features` are by input,
    `units` by output; an empty one means values without a unit. The name "" means the only one.

    `classes` name the last axis of an output; "" means the only one that has so many columns.
    """

    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)
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
        names = [each.name for each in outputs]
        units = by_name("units", self.units, names)
        classes = by_name("classes", _placed(self.classes, outputs), names)
        return [_described(each, units, classes.get(each.name)) for each in outputs]


def _placed(
    classes: Mapping[str, Sequence[str]], outputs: Sequence[Output]
) -> Mapping[str, Sequence[str]]:
    """`classes`, with the name of the only output that they fit in place of ""."""
    if "" not in classes:
        return classes
    count = len(classes[""])
    fitting = [each.name for each in outputs if each.shape[1:] == [count] and count > 1]
    if not fitting:
        raise ValueError(_not_fitting(count, outputs))
    return by_name("classes", classes, fitting)


def _not_fitting(count: int, outputs: Sequence[Output]) -> str:
    found = ", ".join(f"{each.name} {each.shape}" for each in outputs)
    hints = dict.fromkeys(_way_out(count, each) for each in outputs)
    return (
        f"{count} classes need an output of shape [rows, {count}]; the outputs are {found}"
        f"{''.join(hints)}"
    )


def _way_out(count: int, output: Output) -> str:
    """What forward should return in place of an output that `count` classes do not fit."""
    values = output.shape[1:]
    if count < 2:
        return "; a single class says nothing: name two or more"
    if len(values) > 1 and values[0] == count:
        return CLASS_MAP
    if values in ([], [1]) and not output.dtype.startswith("float"):
        return INDEX
    return ONE_NUMBER if values in ([], [1]) and count == 2 else ""


def _described(output: Output, units: Mapping[str, str], classes: Sequence[str] | None) -> Output:
    if output.name in units:
        output = output.model_copy(update={"kind": "values", "unit": units[output.name] or None})
    if classes is None:
        return output
    if output.shape[1:] != [len(classes)] or len(classes) < 2:
        raise ValueError(_not_fitting(len(classes), [output]))
    return made(
        Output,
        name=output.name,
        dtype=output.dtype,
        shape=output.shape,
        kind=output.kind if output.kind in CLASS_KINDS else "logits",
        classes=list(classes),
    )


def made(form: type[Part], /, **fields: object) -> Part:
    """Raises ValueError, one line that begins with the name."""
    try:
        return form.model_validate(fields)
    except ValidationError as error:
        name = printable(str(fields.get("name") or "the signature"))
        raise ValueError(f"{name:.200}: {first_fault(error)}") from None


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
