"""`app predict`: classes for one instance or a table of them."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from app.cli.output import AsJson, console, short, table
from app.cli.sources import open_source
from app.predictions import Flower, Prediction, RangeWarning


def predict(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE.csv | --FEATURE NUMBER ...",
            help="A table with a column per feature, or one option per feature of the model: "
            "--sepal-length 5.1 ...; without any, those missing are listed.",
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Checkpoint to ask; unless given, the settings'.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Service to ask instead.")] = None,
    log_probabilities: Annotated[
        bool, typer.Option("--log-probabilities", help="Show these too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Classify one instance given as options, or each row of a CSV file."""
    # A checkpoint by default: it needs no running service, and answers the same.
    from app.cli.flowers import read_options, read_table

    given = arguments or []
    file = Path(given[0]) if len(given) == 1 and not given[0].startswith("-") else None
    with open_source(model, url) as source:
        features = source.card().features
        flowers = read_table(file, features) if file else [read_options(given, features)]
        predictions = source.predict(flowers, log_probabilities=log_probabilities)
    if as_json:
        for prediction in predictions:
            print(msgspec.json.encode(prediction).decode())
    elif file:
        _show_table(flowers, predictions)
    else:
        _show_one(predictions[0])


def _show_one(prediction: Prediction) -> None:
    """Every class, the most probable first."""
    logs = prediction.log_probabilities or {}
    rows = table("class", "probability", *(["log-probability"] if logs else []))
    ranked = sorted(prediction.probabilities.items(), key=lambda item: item[1], reverse=True)
    for label, probability in ranked:
        rows.add_row(label, short(probability), *([short(logs[label])] if logs else []))
    console.print(rows)
    for warning in prediction.warnings:
        console.print(_text(warning))


def _show_table(flowers: list[Flower], predictions: list[Prediction]) -> None:
    """The rows as they were given, each with its class and that class's probability."""
    asked = predictions[0].log_probabilities is not None
    figures = ["probability", *(["log-probability"] if asked else [])]
    rows = table(*flowers[0], "class", *figures, "warnings")
    for flower, prediction in zip(flowers, predictions, strict=True):
        label, logs = prediction.label, prediction.log_probabilities or {}
        numbers = [prediction.probabilities[label], *([logs[label]] if asked else [])]
        warnings = "; ".join(map(_text, prediction.warnings))
        rows.add_row(*map(short, flower.values()), label, *map(short, numbers), warnings)
    console.print(rows)


def _text(warning: RangeWarning) -> str:
    return f"{warning.feature} {short(warning.value)} is {warning.detail}"
