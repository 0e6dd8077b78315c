"""The body of /predict: from JSON bytes to rows of float32, every mistake named."""

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.card import Card
from app.compiled import FloatArray
from app.errors import BodyTooLarge, Fault, InvalidInstances, MalformedBody
from app.reference import LARGEST as LARGEST

MAX_FAULTS = 20


@dataclass(frozen=True)
class Instances:
    """rows is float32 (instances, n_features); `single` if the body was one bare flower."""

    rows: FloatArray
    single: bool


class JsonObject(list[tuple[str, Any]]):
    """A JSON object as its pairs, in order, so that repeated names are still seen."""


class _NotFinite(str):
    """NaN, Infinity or -Infinity, which JSON does not have but Python's parser reads."""


def parse_instances(body: bytes | bytearray, card: Card, limit: int) -> Instances:
    """Parse one flower, `{feature: number}`, or many, `{"instances": [flower, ...]}`.

    Every feature of the card is required, as a JSON number of magnitude at most LARGEST;
    no other field is taken. Raises MalformedBody with the byte offset, InvalidInstances
    with a JSON pointer for each fault, or BodyTooLarge beyond `limit` instances.
    """
    value = parse_json(body)
    if not isinstance(value, JsonObject):
        raise InvalidInstances([Fault("", f"{describe(value)} where {_accepted(card)} belongs")])
    names = [feature.name for feature in card.features]
    single = _is_single(value, names)
    flowers = [value] if single else _instances(value, limit)
    faults: list[Fault] = []
    rows = []
    for index, flower in enumerate(flowers):
        pointer = "" if single else f"/instances/{index}"
        rows.append(_read_flower(flower, names, pointer, faults))
        if len(faults) >= MAX_FAULTS:
            break
    if faults:
        raise InvalidInstances(faults[:MAX_FAULTS])
    return Instances(np.array(rows, dtype=np.float32), single)


def _is_single(value: JsonObject, names: list[str]) -> bool:
    """Whether it is one flower. A feature may be called "instances", but is never a list."""
    fields = dict(value)
    if "instances" not in fields:
        return True
    instances = fields["instances"]
    is_list = isinstance(instances, list) and not isinstance(instances, JsonObject)
    return "instances" in names and not is_list


def require_at_most(limit: int, count: int) -> None:
    """Raise BodyTooLarge for more than `limit` instances."""
    if count > limit:
        raise BodyTooLarge(f"/instances: {count} instances; at most {limit} are taken")


def _accepted(card: Card) -> str:
    fields = ", ".join(json.dumps(feature.name) for feature in card.features)
    return f'an object with {fields}, or {{"instances": [such objects]}},'


def parse_json(body: bytes | bytearray) -> Any:
    """JSON with its objects as JsonObject. Raises MalformedBody or InvalidInstances."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise MalformedBody("invalid UTF-8", error.start) from None
    if text.startswith("\ufeff"):
        raise MalformedBody("a byte order mark", 0)
    try:
        return json.loads(text, object_pairs_hook=JsonObject, parse_constant=_NotFinite)
    except json.JSONDecodeError as error:
        offset = len(text[: error.pos].encode())
        raise MalformedBody(error.msg.lower(), offset) from None
    except RecursionError:
        raise MalformedBody("nested too deeply", 0) from None
    except ValueError as error:
        # Python refuses to convert integers of thousands of digits.
        raise InvalidInstances([Fault("", f"a number has too many digits ({error})")]) from None


def _instances(value: JsonObject, limit: int) -> list[Any]:
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


def _read_flower(flower: Any, names: list[str], at: str, faults: list[Fault]) -> list[float]:
    if not isinstance(flower, JsonObject):
        wanted = f"an object with {', '.join(names)}"
        faults.append(Fault(at, f"{describe(flower)} where {wanted} belongs"))
        return []
    values: dict[str, float] = {}
    seen: set[str] = set()
    for name, value in flower:
        pointer = f"{at}/{escape(name)}"
        if name not in names:
            faults.append(Fault(pointer, f"unknown field; the features are {', '.join(names)}"))
        elif name in seen:
            faults.append(Fault(pointer, "stands twice"))
        elif reason := _why_not_a_float32(value):
            faults.append(Fault(pointer, reason))
        else:
            values[name] = float(value)
        seen.add(name)
    faults.extend(
        Fault(f"{at}/{escape(name)}", "missing; a finite number is needed")
        for name in names
        if name not in seen
    )
    return [values.get(name, math.nan) for name in names]


def _why_not_a_float32(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{describe(value)} where a finite number belongs"
    if not -LARGEST <= value <= LARGEST:
        return f"too large; numbers from {-LARGEST:g} to {LARGEST:g} are taken"
    return None


def describe(value: Any) -> str:
    """What a value of parse_json is, in a message."""
    if isinstance(value, _NotFinite):
        return str(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    kinds: dict[type, str] = {JsonObject: "an object", list: "a list", str: "a string"}
    return kinds.get(type(value), "a number")


def escape(name: str) -> str:
    """RFC 6901: `~` and `/` in a name, as in wine's od280/od315, are escaped in a pointer."""
    return name.replace("~", "~0").replace("/", "~1")
