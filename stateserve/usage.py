"""The fault of a command line, in one line. Knows the errors of Typer by their fields."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typer.exceptions import TyperException


def usage_error(error: "TyperException", command: str) -> str:
    """What is wrong, the nearest option, and the command that lists them; empty after a help."""
    text = _text(error)
    context = getattr(error, "ctx", None)
    helps = context.command_path if context else command
    return f"{' '.join(text.split()).removesuffix('.')} ({helps} --help)" if text else ""


def _text(error: "TyperException") -> str:
    near = getattr(error, "possibilities", None)
    if near is not None:
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"no option {getattr(error, 'option_name', '')}{hint}"
    if error.message.startswith("No such command"):
        return error.message.replace("No such", "no").replace(". Did", "; did")
    param = getattr(error, "param", None)
    # Without a parameter its text is "Invalid value: " and the message.
    if not error.message or (param is None and not hasattr(error, "param")):
        return error.format_message()
    if param is None:
        return error.message
    name = param.opts[0] if param.opts[0].startswith("-") else param.metavar or param.name
    return f"{name}: {error.message.removeprefix('Value error, ')}"
