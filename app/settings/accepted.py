"""The values that a setting accepts, in words: for errors and for the help of the options."""

import difflib
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo


def why_refused(error: Mapping[str, Any], field: FieldInfo | None) -> str:
    """The reason of a refusal: what is accepted, and the nearest word of a choice."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    accepts = accepted(field) if field else ""
    if not accepts:
        return str(error["msg"])
    near = difflib.get_close_matches(str(error["input"]).lower(), choices(field), n=1, cutoff=0.5)
    return f"needs {accepts}" + (f"; did you mean {near[0]}?" if near else "")


def accepted(field: FieldInfo) -> str:
    """Such as "a whole number from 0 to 65535"; empty if any text is accepted."""
    kinds = types(field.annotation)
    if words := choices(field):
        return f"{', '.join(words[:-1])} or {words[-1]}"
    if bool in kinds:
        return "true or false"
    number = "a whole number" if int in kinds else "a number" if float in kinds else ""
    if number:
        return number + _limits(field)
    shortest = _limit(field, "min_length") or 0
    return f"at least {shortest} characters" if shortest > 1 else "a text" if shortest else ""


def choices(field: FieldInfo | None) -> tuple[str, ...]:
    """The words of a field that is a choice."""
    annotation = field.annotation if field else None
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def types(annotation: object) -> list[object]:
    """The alternatives of a union, each without its annotations."""
    if get_origin(annotation) is Annotated:
        return types(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [kind for each in get_args(annotation) for kind in types(each)]
    return [annotation]


def _limits(field: FieldInfo) -> str:
    least, above, most = (_limit(field, name) for name in ("ge", "gt", "le"))
    if above is not None:
        return f" above {above}" + (f" and up to {most}" if most is not None else "")
    if most is None:
        return f", {least} or more" if least is not None else ""
    return f" from {least} to {most}"


def _limit(field: FieldInfo, name: str) -> int | None:
    return next((getattr(each, name) for each in field.metadata if hasattr(each, name)), None)
