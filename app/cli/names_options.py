"""Options that change the names of tensors, the same for all commands."""

from typing import Annotated

import typer

Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="Only these tensors: a module, or a pattern such as '*.weight'. May be repeated.",
    ),
]
StripPrefix = Annotated[
    list[str] | None,
    typer.Option(metavar="MODULE", help="Leave MODULE out at the start of names, as in module.x."),
]
Rename = Annotated[
    list[str] | None,
    typer.Option(
        metavar="OLD=NEW",
        help="Replace whole parts of names; * stands for any text in both. May be repeated.",
    ),
]
