"""The faults that pydantic finds in what people write, in words that say what is accepted."""

import re
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails

from stateserve.text import class_of, did_you_mean, shortest, shown

# pydantic's own texts name Python's types.
ACCEPTED = {
    **dict.fromkeys(("int_type", "int_from_float", "int_parsing"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "an object"),
    "string_type": "a text",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    **dict.fromkeys(("too_short", "string_too_short"), "a length of at least {min_length}"),
    **dict.fromkeys(("too_long", "string_too_long"), "a length of at most {max_length}"),
}
# What pydantic adds to the place of a fault for an alternative of a union.
ALTERNATIVE = re.compile(r"constrained-\w+|int|float|str|bool|(list|dict|function-\w+)\[.*\]")
# Larger integers are not shown: they may have any number of digits.
LARGEST = 10**18


class KnownFields(BaseModel):
    """Base of what people write: an unknown field is refused with those that are known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _require_known_fields(cls, data: object) -> object:
        for name in data if isinstance(data, dict) else ():
            if name not in cls.model_fields:
                known = ", ".join(cls.model_fields)
                near = did_you_mean(str(name), cls.model_fields)
                raise ValueError(f"no field {shown(str(name))}; the fields are {known}{near}")
        return data


def first_fault(error: ValidationError, *, secret: bool = False) -> str:
    """Place, value and what is accepted of the first fault, in one line.

    The value is left out of a `secret`, and the place of the whole.
    """
    first, *others = error.errors(include_url=False)
    place, accepted = _place(first), [_accepted(first)]
    if place != first["loc"]:
        accepted += [_accepted(each) for each in others if _place(each) == place]
    where = ".".join(str(part) for part in place if part != "[key]")
    reason = _reason(first, [each for each in accepted if each], secret=secret)
    return f"{where:.200}: {reason:.1000}" if where else f"{reason:.1000}"


def fault_reason(fault: ErrorDetails) -> str:
    """The value and what is accepted, without the place."""
    accepted = _accepted(fault)
    return _reason(fault, [accepted] if accepted else [], secret=False)


def _place(error: ErrorDetails) -> tuple[int | str, ...]:
    *outer, last = error["loc"] or ("",)
    return (*outer,) if ALTERNATIVE.fullmatch(str(last)) else error["loc"]


def _accepted(error: ErrorDetails) -> str:
    return ACCEPTED.get(error["type"], "").format(**error.get("ctx", {}))


def _reason(error: ErrorDetails, accepted: list[str], *, secret: bool) -> str:
    if error["type"] == "missing":
        return "missing"
    if not accepted:
        return error["msg"].removeprefix("Value error, ")
    wanted = f"accepted is {' or '.join(dict.fromkeys(accepted))}"
    return wanted if secret else f"{_found(error['input'])}; {wanted}"


def _found(value: object) -> str:
    """The value as JSON has it; of a list its length."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, int):
        return str(value) if abs(value) < LARGEST else "a whole number of many digits"
    if isinstance(value, float):
        return shortest(value)
    if isinstance(value, list | tuple):
        return f"a list of length {len(value)}"
    return "an object" if isinstance(value, Mapping) else class_of(value)
