"""The command predict: the answers of a model for one instance or for files of them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from app.cli.checkpoints import Key
from app.cli.input_files import MEDIA_TYPES, media_type_of
from app.cli.output import AsJson, warn
from app.cli.sources import Source, open_source
from app.errors import InvalidInput, InvalidOption
from stateserve.errors import StateserveError, TableError
from stateserve.text import printable_json

if TYPE_CHECKING:
    from stateserve.client import Details, Prediction
    from stateserve.model import AnyCard
    from stateserve.tables import Score, TableInstances, Truth, Wanted

# Options of serve and pack, which bring the code of a model.
WITH_CODE = ("--code", "--example", "--kwargs", "--image", "--tokens", "--classes", "--features")


class Answers(NamedTuple):
    """Predictions, and the cells that show what each is of: none for the only one. `truth` has the
    true classes or values, and `score` how many are right, if a table has them. `rows` are those
    of the file, where some may be left out."""

    given: Sequence[Mapping[str, str]]
    predictions: "list[Prediction]"
    truth: "Truth | None" = None
    score: "Score | None" = None
    rows: Sequence[int] | None = None


def predict(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE ... | --FEATURE NUMBER ...",
            help="A table with a column per feature: CSV and its relatives, .gz, .parquet, "
            ".feather or .xlsx; .json, .npy, .npz or .safetensors as "
            "/predict takes them; pictures. Or one option per feature of the model: "
            "--sepal-length 5.1 ...; without any, those missing are listed.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Checkpoint, or folder of a packed model; unless given, the settings'."),
    ] = None,
    url: Annotated[str | None, typer.Option(help="Service to ask instead.")] = None,
    key: Key = None,
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Run the Python file that the model card names.")
    ] = False,
    top: Annotated[
        int | None, typer.Option(min=1, help="Show only this number of most probable classes.")
    ] = None,
    log_probabilities: Annotated[
        bool, typer.Option("--log-probabilities", help="Show these too.")
    ] = False,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="Probabilities by the card's temperature.")
    ] = False,
    out_of_distribution: Annotated[
        bool,
        typer.Option("--out-of-distribution", help="Show the distance to the nearest class mean."),
    ] = False,
    skip_bad_rows: Annotated[
        bool,
        typer.Option(
            "--skip-bad-rows",
            help="Of a table: leave out the rows with a cell that cannot be read, and list them.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Predict one instance given as options, or those of files.

    If a table still has the true classes or values, the accuracy, or R2 and the mean absolute
    error, is shown.
    """
    # A local model by default: it needs no running service, and gives the same answer.
    details: Details = {
        "log_probabilities": log_probabilities,
        "calibrated": calibrated,
        "out_of_distribution": out_of_distribution,
    }
    if top is not None:
        details["top"] = top
    _require_own_options(arguments or [])
    with open_source(model, url, key, allow_code=allow_code) as source:
        for warning in source.card().warnings:
            warn(warning)
        answers = _ask(source, arguments or [], details, skip_bad_rows=skip_bad_rows)
    if as_json:
        _print_lines(answers)
    else:
        _show(answers, ranked=top is not None)
    if answers.score is not None:
        # With --json to standard error: programs read the answers.
        typer.echo(answers.score.line, err=as_json)
        if answers.score.note:
            warn(f"note: {answers.score.note}")


def _require_own_options(arguments: Sequence[str]) -> None:
    """Raise InvalidOption for an option after a file: only the only instance has options."""
    from app.cli.feature_options import OWN_OPTIONS
    from stateserve.text import did_you_mean

    options = [each for each in arguments if each.startswith("--")]
    if not options or arguments[0].startswith("-"):
        return
    option = options[0].partition("=")[0]
    hint = did_you_mean(option, sorted(OWN_OPTIONS))
    if option in WITH_CODE:
        hint = "; `stateserve pack` takes it, and predict the folder that it writes as --model"
    raise InvalidOption(f"no option {option!r} beside a file{hint}")


def _ask(
    source: Source, arguments: list[str], details: "Details", *, skip_bad_rows: bool
) -> Answers:
    from app.cli.feature_options import read_options

    are_options = not arguments or arguments[0].startswith("-")
    files = [] if are_options else [*map(Path, arguments)]
    if len(files) == 1 and media_type_of(files[0]) is None:
        return _ask_table(source, files[0], details, skip_bad_rows=skip_bad_rows)
    if skip_bad_rows:
        raise InvalidOption("--skip-bad-rows: it is for one table, such as a CSV file")
    if files:
        return _ask_files(source, files, details)
    notes: list[str] = []
    instance = read_options(arguments, list(_wanted(source.card()).features), notes)
    for note in notes:
        warn(f"note: {note}")
    return Answers([{}], source.predict([instance], **details))


def _ask_table(source: Source, file: Path, details: "Details", *, skip_bad_rows: bool) -> Answers:
    from app.cli.feature_options import cell_text

    try:
        table = _read_table(file, _wanted(source.card()), skip_bad_rows=skip_bad_rows)
    except TableError as error:
        # No row is left: the error names the first.
        for each in error.details if skip_bad_rows and len(error.details) > 1 else ():
            warn(f"left out: {each}")
        raise
    for note in table.notes:
        warn(f"note: {note}")
    for each in table.bad:
        warn(f"left out: {each}")
    if more := table.left_out - len(table.bad):
        warn(f"left out: {more} more rows")
    given = [{name: cell_text(each) for name, each in row.items()} for row in table.instances]
    predictions = source.predict(table.instances, **details)
    rows = table.rows if skip_bad_rows else None
    return Answers(given, predictions, table.truth, table.score(predictions), rows)


def _read_table(file: Path, wanted: "Wanted", *, skip_bad_rows: bool) -> "TableInstances":
    from stateserve.tables import read_instances, read_sheet

    try:
        sheet = read_sheet(file, skip_bad_rows=skip_bad_rows)
        return read_instances(sheet, wanted, skip_bad_rows=skip_bad_rows)
    except TableError as error:
        if skip_bad_rows or error.row is None:
            raise
        with suppress(TableError):
            # Raises again if no row is good.
            _read_table(file, wanted, skip_bad_rows=True)
            raise InvalidInput(f"{error}; --skip-bad-rows leaves out such rows") from None
        raise


def _ask_files(source: Source, files: Sequence[Path], details: "Details") -> Answers:
    types = [media_type_of(file) for file in files]
    if None in types:
        known = ", ".join(MEDIA_TYPES)
        raise InvalidInput(f"{files[types.index(None)]}: of several files, each is one of {known}")
    found: list[list[Prediction]] = []
    for file, media_type in zip(files, types, strict=True):
        try:
            found.append(source.predict_body(file.read_bytes(), str(media_type), **details))
        except StateserveError as error:
            raise InvalidInput(f"{file}: {error}") from None
    several = any(len(each) > 1 for each in found)
    given = [
        ({"file": str(file)} if len(files) > 1 else {}) | ({"row": str(row)} if several else {})
        for file, each in zip(files, found, strict=True)
        for row in range(len(each))
    ]
    return Answers(given, list(chain.from_iterable(found)))


def _wanted(card: "AnyCard") -> "Wanted":
    """The columns of a table. Raises InvalidInput for a model without named columns."""
    from stateserve.model import ModelCard
    from stateserve.tables import Wanted

    if (wanted := Wanted.of(card)) is not None:
        return wanted
    inputs = ", ".join(each.line for each in card.inputs) if isinstance(card, ModelCard) else ""
    raise InvalidInput(
        f"the model has no named columns, but the inputs {inputs}; give a file, one of "
        f"{', '.join(MEDIA_TYPES)}"
    )


def _print_lines(answers: Answers) -> None:
    import msgspec

    for place, prediction in enumerate(answers.predictions):
        row = {} if answers.rows is None else {"row": answers.rows[place]}
        line = msgspec.json.encode(row | msgspec.to_builtins(prediction))
        print(printable_json(line.decode()))


def _show(answers: Answers, *, ranked: bool) -> None:
    from app.cli.prediction_tables import show_one, show_rows

    if answers.given[0]:
        show_rows(answers.given, answers.truth, answers.predictions, answers.rows, ranked=ranked)
    else:
        show_one(answers.predictions[0])
