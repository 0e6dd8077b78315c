"""Parses the JSON body of /predict into float32 rows, and names every error."""

import json
import math
from collections.abc import Callable, Container, Mapping
from typing import Any, NamedTuple

import numpy as np

from app.errors import MAX_FAULTS, BodyTooLarge, InvalidInstances
from app.predict.codecs.json_text import JsonObject, describe, parse_json
from app.predict.instances import Instances
from app.predict.json_pointer import escape
from app.predict.rows import LARGEST
from stateserve.errors import Fault
from stateserve.model import Card, split_unit
from stateserve.model.architectures import FloatArray
from stateserve.text import listed, shortest

MOST_LISTED = 50
# float32 (instances, n_features).
TableRows = Instances[FloatArray]


def parse_instances(body: bytes | bytearray, card: Card, limit: int) -> TableRows:
    """Parse one flower, `{feature: number}`, or many, `{"instances": [flower, ...]}`.

    Every feature of the card is required, as a JSON number of magnitude at most LARGEST;
    no other field is accepted. Raises MalformedBody with the byte offset, InvalidInstances
    with a JSON pointer for each fault, or BodyTooLarge beyond `limit` instances.
    """
    return read_value(parse_json(body), card, limit)


def read_value(value: object, card: Card, limit: int) -> TableRows:
    """As parse_instances, for a value of parse_json."""
    if not isinstance(value, JsonObject):
        raise InvalidInstances([Fault("", f"{describe(value)} where {_accepted(card)} belongs")])
    columns = columns_of(card)
    single = _is_single(value, columns)
    flowers = [value] if single else _instances(value, limit)
    faults: list[Fault] = []
    rows = []
    for index, flower in enumerate(flowers):
        pointer = "" if single else f"/instances/{index}"
        rows.append(read_flower(flower, columns, pointer, faults))
        require_few(faults)
    if faults:
        raise InvalidInstances(faults)
    return Instances(np.array(rows, dtype=np.float32), single)


def _is_single(value: JsonObject, names: Container[str]) -> bool:
    """Whether it is one flower. A feature may have the name "instances", but is never a list."""
    fields = dict(value)
    if "instances" not in fields:
        return True
    instances = fields["instances"]
    is_list = isinstance(instances, list) and not isinstance(instances, JsonObject)
    return "instances" in names and not is_list


def most_bytes_of_one(card: Card) -> int:
    """The most bytes that an instance of these features needs without padding."""
    # Programs write a number with at most 25 characters.
    return 4096 + sum(2 * len(json.dumps(feature.name)) + 64 for feature in card.features)


def require_few(faults: list[Fault]) -> None:
    """Raise InvalidInstances once there are MAX_FAULTS faults."""
    if len(faults) >= MAX_FAULTS:
        raise InvalidInstances(faults[:MAX_FAULTS])


def require_at_most(limit: int, count: int) -> None:
    """Raise BodyTooLarge for more than `limit` instances."""
    if count > limit:
        raise BodyTooLarge(f"/instances: {count} instances; at most {limit} are taken")


def _accepted(card: Card) -> str:
    fields = listed([json.dumps(feature.name) for feature in card.features], MOST_LISTED)
    return f'an object with {fields}, or {{"instances": [such objects]}},'


def _instances(value: JsonObject, limit: int) -> list[object]:
    if faults := [Fault(f"/{escape(k)}", "unknown field") for k, _ in value if k != "instances"]:
        raise InvalidInstances(faults[:MAX_FAULTS])
    if len(value) > 1:
        raise InvalidInstances([Fault("/instances", "stands twice")])
    flowers = value[0][1]
    if not isinstance(flowers, list) or isinstance(flowers, JsonObject):
        raise InvalidInstances(
            [Fault("/instances", f"{describe(flowers)} where a list of objects belongs")]
        )
    if not flowers:
        raise InvalidInstances([Fault("/instances", "empty; at least one instance is needed")])
    require_at_most(limit, len(flowers))
    return flowers


class Column(NamedTuple):
    """What one field accepts: why a value is not accepted, or None, and `words` for an error. The
    name of the field may have its `unit`, as in the header of a table."""

    why_not: Callable[[Any], str | None]
    words: str
    unit: str | None = None


def why_not_a_float32(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{describe(value)} where a finite number belongs"
    if not -LARGEST <= value <= LARGEST:
        return f"too large; numbers from {shortest(-LARGEST)} to {shortest(LARGEST)} are taken"
    return None


def columns_of(card: Card) -> dict[str, Column]:
    """The fields of an instance by name, in the order of the features."""
    return {
        each.name: Column(why_not_a_float32, "a finite number", each.unit) for each in card.features
    }


def read_flower(
    flower: object, columns: Mapping[str, Column], at: str, faults: list[Fault]
) -> list[float]:
    """The numbers of one instance, in the order of `columns`; adds its errors to `faults`."""
    values = read_fields(flower, columns, at, faults)
    return [float(values.get(name, math.nan)) for name in columns] if values else []


def read_fields(
    flower: object, columns: Mapping[str, Column], at: str, faults: list[Fault]
) -> dict[str, Any]:
    """The accepted values of one instance by name; adds its errors to `faults`."""
    names = list(columns)
    if not isinstance(flower, JsonObject):
        wanted = f"an object with {listed(names, MOST_LISTED)}"
        faults.append(Fault(at, f"{describe(flower)} where {wanted} belongs"))
        return {}
    values: dict[str, object] = {}
    seen: set[str] = set()
    for written, value in flower:
        pointer = f"{at}/{escape(written)}"
        name = written if written in columns else _without_unit(written, columns)
        if name not in columns:
            faults.append(
                Fault(pointer, f"unknown field; the features are {listed(names, MOST_LISTED)}")
            )
        elif name in seen:
            faults.append(Fault(pointer, "stands twice"))
        elif reason := columns[name].why_not(value):
            faults.append(Fault(pointer, reason))
        else:
            values[name] = value
        seen.add(name)
        if len(faults) >= MAX_FAULTS:
            return {}
    faults.extend(
        Fault(f"{at}/{escape(name)}", f"missing; {column.words} is needed")
        for name, column in columns.items()
        if name not in seen
    )
    return values


def _without_unit(written: str, columns: Mapping[str, Column]) -> str:
    """The name of the column that a header such as `length (cm)` names, or the text itself."""
    name, unit = split_unit(written)
    return name if unit and name in columns and columns[name].unit == unit else written
