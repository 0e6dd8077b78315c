"""The command predict: the answers of a model for one instance or for files of them."""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from app.cli.input_files import MEDIA_TYPES, media_type_of
from app.cli.output import AsJson, short, warn
from app.cli.sources import Source, open_source
from app.errors import InvalidInput
from stateserve.errors import StateserveError
from stateserve.text import printable_json

if TYPE_CHECKING:
    from stateserve.client import Details, Prediction
    from stateserve.model import AnyCard, Feature


class Answers(NamedTuple):
    """Predictions, and the cells that show what each is of: none for the only one. `labels` are
    the true classes, if a table has them."""

    given: Sequence[Mapping[str, str]]
    predictions: "list[Prediction]"
    labels: list[str] | None = None


def predict(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE ... | --FEATURE NUMBER ...",
            help="A CSV file with a column per feature; .json, .npy, .npz or .safetensors as "
            "/predict takes them; pictures. Or one option per feature of the model: "
            "--sepal-length 5.1 ...; without any, those missing are listed.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Checkpoint, or folder of a packed model; unless given, the settings'."),
    ] = None,
    url: Annotated[str | None, typer.Option(help="Service to ask instead.")] = None,
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
    as_json: AsJson = False,
) -> None:
    """Predict one instance given as options, or those of files.

    If one more column of a CSV file has the true classes, the accuracy is shown.
    """
    # A local model by default: it needs no running service, and gives the same answer.
    details: Details = {
        "log_probabilities": log_probabilities,
        "calibrated": calibrated,
        "out_of_distribution": out_of_distribution,
    }
    if top is not None:
        details["top"] = top
    with open_source(model, url, allow_code=allow_code) as source:
        for warning in source.card().warnings:
            warn(warning)
        answers = _ask(source, arguments or [], details)
    if as_json:
        _print_lines(answers.predictions)
    else:
        _show(answers)
    if answers.labels is not None:
        # With --json to standard error: programs read the answers.
        typer.echo(_accuracy(answers.labels, answers.predictions), err=as_json)


def _ask(source: Source, arguments: list[str], details: "Details") -> Answers:
    from app.cli.flowers import Table, cell_text, read_options, read_table

    if not arguments or arguments[0].startswith("-"):
        features, _ = _columns(source.card())
        rows = Table([read_options(arguments, features)])
        return Answers([{}], source.predict(rows.flowers, **details))
    files = [Path(each) for each in arguments]
    if len(files) == 1 and media_type_of(files[0]) is None:
        rows = read_table(files[0], *_columns(source.card()))
        given = [{name: cell_text(each) for name, each in row.items()} for row in rows.flowers]
        return Answers(given, source.predict(rows.flowers, **details), rows.labels)
    return _ask_files(source, files, details)


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


def _columns(card: "AnyCard") -> "tuple[list[Feature], list[str]]":
    """The features and classes of a table. Raises InvalidInput for another model."""
    from stateserve.model import ModelCard

    if not isinstance(card, ModelCard):
        return card.features, card.classes
    if len(card.inputs) == 1 and card.inputs[0].features:
        return card.inputs[0].features, card.outputs[0].classes or []
    inputs = ", ".join(each.line for each in card.inputs)
    raise InvalidInput(
        f"the model has no named columns, but the inputs {inputs}; give a file, one of "
        f"{', '.join(MEDIA_TYPES)}"
    )


def _print_lines(predictions: "Sequence[Prediction]") -> None:
    import msgspec

    for prediction in predictions:
        print(printable_json(msgspec.json.encode(prediction).decode()))


def _show(answers: Answers) -> None:
    from app.cli.prediction_tables import show_one, show_rows

    if answers.given[0]:
        show_rows(answers.given, answers.labels, answers.predictions)
    else:
        show_one(answers.predictions[0])


def _accuracy(labels: list[str], predictions: "list[Prediction]") -> str:
    pairs = zip(labels, predictions, strict=True)
    right = sum(label == prediction.label for label, prediction in pairs)
    return f"accuracy {short(right / len(labels))}: {right} of {len(labels)} rows"
