"""Commands whose options are the settings. Typer makes them from the parameters of a function."""

from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from stateserve.names import module_prefix

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

GIVEN = "settings given as options"
WORDS = {"true": True, "1": True, "false": False, "0": False}


class SettingsCommand(TyperCommand):
    """Makes its options when it needs them: the settings import pydantic.

    Those given are in the context's meta, under GIVEN, by the name of the field.
    """

    _made: list[Any] | None = None

    def get_params(self, ctx: Any) -> list[Any]:
        if self._made is None:
            self._made = _options()
            self.params = [*self.params, *self._made]
        return super().get_params(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, _without_words(args))
        given = {option.name: ctx.params.pop(option.name) for option in self._made or ()}
        # Each is below the one before, as for the other commands.
        given["strip_prefix"] = module_prefix(given["strip_prefix"] or []) or None
        ctx.meta[GIVEN] = {name: value for name, value in given.items() if value is not None}
        return rest


def _options() -> list[Any]:
    """An option for each setting, made by Typer from the parameters of a function."""
    from app.settings import GROUPS

    parameters = [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_annotation(name, field, group.__doc__ or ""),
        )
        for group in GROUPS
        for name, field in group.model_fields.items()
    ]

    def settings(**_: str | bool | None) -> None:
        pass

    settings.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    made = typer.Typer(add_completion=False)
    made.command()(settings)
    return typer.main.get_command(made).params


def _annotation(name: str, field: "FieldInfo", heading: str) -> object:
    from app.settings import choices, option, types

    kinds, description = types(field.annotation), field.description or ""
    default = "" if field.default in (None, ()) or bool in kinds else f" (default: {field.default})"
    about: dict[str, Any] = {
        "help": f"{description[:1].upper()}{description[1:]}{default}.",
        "rich_help_panel": heading,
        "show_default": False,
    }
    if bool in kinds:
        flag = f"{option(name)}/--no-{option(name)[2:]}"
        return Annotated[bool | None, typer.Option(flag, **about)]
    known = {int: "NUMBER", float: "NUMBER", Path: "PATH"}
    metavar = next((known[kind] for kind in kinds if kind in known), "TEXT")
    metavar = "|".join(choices(field)) or metavar
    # Of the other commands; as a variable, STATESERVE_KEY is the key that a client sends.
    also = ["--key"] if name == "state_key" else []
    kind = list[str] if name == "strip_prefix" else str
    return Annotated[kind | None, typer.Option(option(name), *also, metavar=metavar, **about)]


def _without_words(arguments: list[str]) -> list[str]:
    """The same with flags only: `--tracing true` is --tracing, `--tracing false` --no-tracing."""
    from app.settings import Settings, option, types

    fields = Settings.model_fields.items()
    flags = {option(name) for name, field in fields if bool in types(field.annotation)}
    found: list[str] = []
    for word in arguments:
        flag, _, value = word.partition("=")
        if found and found[-1] in flags and word in WORDS:
            flag, value = found.pop(), word
        known = flag in flags and value in WORDS
        found.append((flag if WORDS[value] else f"--no-{flag[2:]}") if known else word)
    return found
