"""The options of `stateserve train`: the article's recipe, or a table."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from stateserve.errors import CardMismatch
from stateserve.json_document import read_json
from stateserve.model import is_state_file
from training.data import iris, read_csv
from training.fit import Settings
from training.recipe import train_recipe
from training.tables import Choices, Options, Task, missing_target, train_table

RECIPE = Settings()
STEM = re.compile(r"[^./\\\x00-\x1f\x7f-\x9f][^/\\\x00-\x1f\x7f-\x9f]*")
# In bytes; file systems take 255, and ".golden.safetensors" comes after it.
LONGEST_STEM = 200


def train(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATA]",
            help="A table: CSV and its relatives, .gz, .parquet, .feather or .xlsx; "
            "without one, the article's recipe is trained on iris.",
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The same as DATA.")] = None,
    target: Annotated[
        str | None, typer.Option(help="The column of classes, or of a number.")
    ] = None,
    task: Annotated[Task | None, typer.Option(help="What the target is; found if absent.")] = None,
    drop: Annotated[
        list[str] | None, typer.Option(help="A column to leave out; may stand several times.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="A column to keep that would be left out; may stand several times."),
    ] = None,
    category: Annotated[
        list[str] | None,
        typer.Option(help="A column whose numbers are names; may stand several times."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Rows with the same value here, such as a patient, stay in one part of the rows; "
            "the column is no input.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the files; that of DATA if absent.")
    ] = None,
    output: Annotated[
        Path, typer.Option(help="Folder to write to, or the model's file, models/NAME.pth.")
    ] = Path("models"),
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1)] = RECIPE.seed,
    seeds: Annotated[
        int, typer.Option(min=0, help="Recipe: runs behind the mean accuracy; 0: none.")
    ] = 20,
    epochs: Annotated[int | None, typer.Option(min=1, help="By the size of the table.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="By the size of the table.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=1e-12)] = None,
    hidden: Annotated[
        str | None,
        typer.Option(help="Units of the hidden layers: 32,16; linear for none; chosen if absent."),
    ] = None,
    code: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.py:CLASS",
            help="Your own network: it gets the encoded columns, float32 of shape "
            "(rows, width), and returns logits (rows, classes) or values (rows, 1). "
            "The file is run.",
        ),
    ] = None,
    kwargs: Annotated[
        str | None, typer.Option(metavar="JSON", help="Arguments of the class of --code.")
    ] = None,
    dropout: Annotated[float | None, typer.Option(min=0, max=0.99)] = None,
    weight_decay: Annotated[float | None, typer.Option(min=0)] = None,
    test_size: Annotated[
        float | None, typer.Option(min=0.01, max=0.99, help="Share of the rows to test on.")
    ] = None,
    balance: Annotated[
        bool, typer.Option("--balance", help="Each class counts the same, however rare.")
    ] = False,
    recipe: Annotated[
        bool, typer.Option("--recipe", help="The article's network, for a table of numbers.")
    ] = False,
    batch_norm: Annotated[
        bool, typer.Option("--batch-norm", help="Recipe: normalise the inputs.")
    ] = False,
    report: Annotated[
        bool, typer.Option(help="Write a report of the model beside it, an HTML file.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all, write nothing.")] = False,
) -> None:
    """Train a network on a table, and write its state_dict and model card."""
    table = _table(file, data, target)
    options = Options(
        seed=seed,
        hidden=_layers(hidden),
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        dropout=dropout,
        weight_decay=weight_decay,
        test_size=test_size or Options.test_size,
        balance=balance,
        code=code,
        kwargs=_arguments(kwargs),
    )
    if table is None or recipe or batch_norm:
        of_table = (task, drop, keep, category, group, code, kwargs, dropout, weight_decay, balance)
        _require_no_table_options(*of_table)
        settings = _recipe(options, test_size or RECIPE.test_size, batch_norm=batch_norm)
        dataset = read_csv(*table, table[0].stem) if table else iris()
        place = _place(output, name, dataset.name, has_code=False)
        train_recipe(dataset, settings, place, seeds, dry_run)
        return
    _require_own_options(options)
    place = _place(output, name, table[0].name.split(".")[0], has_code=code is not None)
    choices = Choices(drop or (), keep or (), category or (), group)
    train_table(*table, place, choices, task, options, dry_run, report)


def _table(file: Path | None, data: Path | None, target: str | None) -> tuple[Path, str] | None:
    """The file and its target; None without a file."""
    if file is not None and data is not None:
        raise typer.BadParameter("DATA and --data are the same; give one")
    path = file or data
    if path is not None and target is None:
        raise missing_target(path)
    if path is None and target is not None:
        raise typer.BadParameter("--target is a column of a table: give DATA, too")
    return (path, target) if path is not None and target is not None else None


def _recipe(options: Options, test_size: float, *, batch_norm: bool) -> Settings:
    """The settings of the recipe, with its own where none is given."""
    if options.hidden is not None and len(options.hidden) != 1:
        raise typer.BadParameter("the recipe has one hidden layer: --hidden 8")
    settings = Settings(
        options.seed,
        options.epochs or RECIPE.epochs,
        options.batch_size or RECIPE.batch_size,
        options.learning_rate or RECIPE.learning_rate,
        options.hidden[0] if options.hidden else RECIPE.hidden,
        test_size,
        batch_norm,
    )
    if batch_norm and settings.batch_size < 2:
        raise typer.BadParameter("--batch-norm needs --batch-size 2 or more")
    return settings


def _place(output: Path, name: str | None, default: str, *, has_code: bool) -> Path:
    """The model's file, or the folder of one with code, in which no other model's files are
    replaced."""
    try:
        is_file = is_state_file(output)
    except CardMismatch as error:
        raise typer.BadParameter(f"--output {error}") from None
    if is_file and name is not None:
        raise typer.BadParameter(f"--output {output} is the name already; leave --name out")
    if is_file:
        return output
    stem = Path(name).name if name else default or "table"
    # Found now, not by the card when all is trained.
    if STEM.fullmatch(stem) is None or len(os.fsencode(stem)) > LONGEST_STEM:
        raise typer.BadParameter(f"--name: no file of a model is called {stem!r:.100}")
    return output / stem / "1" if has_code else output / f"{stem}.pth"


def _layers(text: str | None) -> tuple[int, ...] | None:
    """The numbers of units in "32,16"; none for "linear"."""
    if text is None or text == "linear":
        return None if text is None else ()
    sizes = [part.strip() for part in text.split(",")]
    if not all(size.isascii() and size.isdigit() and 0 < int(size) <= 65_536 for size in sizes):
        raise typer.BadParameter(f"--hidden {text}: units such as 32,16, or linear")
    return tuple(map(int, sizes))


def _arguments(text: str | None) -> dict[str, JsonValue]:
    try:
        found = read_json(text or "{}")
    except ValueError as error:
        raise typer.BadParameter(f"--kwargs: {error}") from None
    if not isinstance(found, dict):
        raise typer.BadParameter('--kwargs: an object of JSON, such as {"depth": 3}')
    return found


def _require_no_table_options(*given: object) -> None:
    if any(given):
        raise typer.BadParameter(
            "--task, --drop, --keep, --category, --group, --code, --kwargs, --dropout, "
            "--weight-decay and --balance are of a table: DATA --target COLUMN, without --recipe "
            "and --batch-norm"
        )


def _require_own_options(options: Options) -> None:
    if options.code is not None and (options.hidden is not None or options.dropout is not None):
        raise typer.BadParameter("--hidden and --dropout are of the built-in network")
