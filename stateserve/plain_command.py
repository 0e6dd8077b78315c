"""Commands whose texts and paths are taken as they are written, and whose numbers are plain.

Typer checks each option with pydantic, also one that is not given, and importing pydantic takes
longer than all else that a command does on a small file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer import BadParameter, Context
from typer.core import TyperCommand, TyperGroup

from stateserve.plain_number import DECIMAL, WHOLE

# In Typer 0.29; a version without it checks all options as before.
COERCION = "_runtime_param"
NUMBERS = {int: (WHOLE, "a whole number"), float: (DECIMAL, "a number")}


class PlainCommand(TyperCommand):
    def get_params(self, ctx: Any) -> list[Any]:
        return _as_written(super().get_params(ctx))


class PlainGroup(TyperGroup):
    def get_params(self, ctx: Any) -> list[Any]:
        return _as_written(super().get_params(ctx))


def _as_written(params: Sequence[object]) -> list[object]:
    for param in params:
        if vars(param).get(COERCION, params) is None:
            vars(param)[COERCION] = _Coercion()
    return list(params)


@dataclass(frozen=True)
class _Coercion:
    def coerce(self, value: object, param: Any, ctx: Context) -> object:
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        annotation = param.type_descriptor.annotation
        if annotation is str and isinstance(value, str):
            return value
        if annotation is Path and isinstance(value, str | Path):
            return Path(value)
        if annotation == list[str] and isinstance(value, list | tuple):
            return list(value)
        if annotation in NUMBERS and isinstance(value, str):
            form, what = NUMBERS[annotation]
            if not form.fullmatch(value):
                raise BadParameter(f"{value!r:.100} is not {what}", ctx=ctx, param=param)
        # A number or a choice: by Typer.
        vars(param)[COERCION] = None
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)
