"""`stateserve card`: names the features and classes of a checkpoint that has no model card."""

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.checkpoints import Key
from app.cli.output import AsJson, print_json, print_line, warn
from app.option_values import names
from stateserve.text import printable_json

if TYPE_CHECKING:
    from stateserve.model import Card


def card(
    file: Annotated[Path, typer.Argument(metavar="CHECKPOINT")],
    like: Annotated[
        Path | None,
        typer.Option(metavar="CARD", help="Take the features and classes of this card."),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="The features in the order of the input's columns, as the header of a CSV: "
            '"petal length (cm)" gives the unit, too.',
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,...",
            help="The classes in the order of the outputs, also as a file of lines or JSON.",
        ),
    ] = None,
    key: Key = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the card that is there.")] = False,
    show: Annotated[bool, typer.Option("--print", help="Print the card; write no file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the model card of CHECKPOINT: --like another card, or --features and --classes.

    It holds the names, the state's hash and a golden prediction; metrics and reference data only
    if CARD is of the same state.
    """
    from stateserve.checkpoint import write_atomically
    from stateserve.model import card_path

    target, made = card_path(file), _made(file, like, features, classes, key)
    for warning in made.warnings:
        warn(warning)
    if show:
        print(printable_json(made.to_json().decode()), end="")
        return
    # A broken link counts as a card.
    if os.path.lexists(target) and not force:
        raise FileExistsError(errno.EEXIST, "there already; --force replaces it", str(target))
    write_atomically({target: made.to_json()})
    n_features, n_classes = len(made.features), len(made.classes)
    if as_json:
        print_json({"file": str(target), "features": n_features, "classes": n_classes})
    else:
        lacks = "" if made.metrics else "; metrics and reference data are not known"
        print_line(f"wrote {target}: {n_features} features, {n_classes} classes{lacks}")


def _made(
    file: Path, like: Path | None, features: str | None, classes: str | None, key: str | None
) -> "Card":
    from stateserve.checkpoint import CODECS
    from stateserve.model import card_like, card_of_names, card_path, parse_classes

    if like and features is None and classes is None:
        return card_like(file, card_path(like) if like.suffix in CODECS else like, key)
    if like or features is None or classes is None:
        raise typer.BadParameter("needs either --like, or both --features and --classes")
    named = parse_classes(classes)
    if list(named) != [""]:
        raise typer.BadParameter("the model has one output; give --classes X,Y,...")
    return card_of_names(file, names("--features", features), named[""], key)
