"""The command predict: classes for one instance or a CSV file of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.output import AsJson, print_line, print_table, short, table, warn
from app.cli.sources import open_source
from stateserve.text import printable_json, shortest

if TYPE_CHECKING:
    from app.cli.flowers import Table
    from stateserve.client import Novelty, Prediction, RangeWarning


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
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="Probabilities by the card's temperature.")
    ] = False,
    out_of_distribution: Annotated[
        bool,
        typer.Option("--out-of-distribution", help="Show the distance to the nearest class mean."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Classify one instance given as options, or each row of a CSV file.

    If one more column of the file has the true classes, the accuracy is shown.
    """
    # A checkpoint by default: it needs no running service, and gives the same answer.
    import msgspec

    from app.cli.flowers import Table, read_options, read_table

    given = arguments or []
    file = Path(given[0]) if len(given) == 1 and not given[0].startswith("-") else None
    with open_source(model, url) as source:
        card = source.card()
        for warning in card.warnings:
            warn(warning)
        instances = read_table(file, card) if file else Table([read_options(given, card.features)])
        predictions = source.predict(
            instances.flowers,
            log_probabilities=log_probabilities,
            calibrated=calibrated,
            out_of_distribution=out_of_distribution,
        )
    if as_json:
        for prediction in predictions:
            print(printable_json(msgspec.json.encode(prediction).decode()))
    elif file:
        _show_table(instances, predictions)
    else:
        _show_one(predictions[0])
    if instances.labels is not None:
        # With --json to standard error: programs read the answers.
        typer.echo(_accuracy(instances.labels, predictions), err=as_json)


def _show_one(prediction: "Prediction") -> None:
    """Print every class, the most probable first."""
    logs = prediction.log_probabilities or {}
    rows = table("class", "probability", *(["log-probability"] if logs else []))
    ranked = sorted(prediction.probabilities.items(), key=lambda item: item[1], reverse=True)
    for label, probability in ranked:
        rows.add_row(label, short(probability), *([short(logs[label])] if logs else []))
    print_table(rows)
    if novelty := prediction.novelty:
        print_line(_distance(novelty))
    for warning in prediction.warnings:
        print_line(_text(warning))


def _show_table(instances: "Table", predictions: "list[Prediction]") -> None:
    """Print the rows as given, each with its class and that class's probability."""
    first = predictions[0]
    columns = {
        "true class": instances.labels is not None,
        "class": True,
        "probability": True,
        "log-probability": first.log_probabilities is not None,
        "distance": first.novelty is not None,
        "warnings": True,
    }
    rows = table(*instances.flowers[0], *(name for name, shown in columns.items() if shown))
    labels = instances.labels or [""] * len(predictions)
    for flower, label, prediction in zip(instances.flowers, labels, predictions, strict=True):
        cells = _cells(label, prediction)
        shown = (cells[name] for name in columns if columns[name])
        rows.add_row(*map(shortest, flower.values()), *shown)
    print_table(rows)


def _cells(label: str, prediction: "Prediction") -> dict[str, str]:
    logs, novelty = prediction.log_probabilities, prediction.novelty
    warnings = [_text(warning) for warning in prediction.warnings]
    if novelty and novelty.out_of_distribution:
        warnings.append("out of distribution")
    return {
        "true class": label,
        "class": prediction.label,
        "probability": short(prediction.probabilities[prediction.label]),
        "log-probability": short(logs[prediction.label] if logs else None),
        "distance": short(novelty.distance if novelty else None),
        "warnings": "; ".join(warnings),
    }


def _accuracy(labels: list[str], predictions: "list[Prediction]") -> str:
    pairs = zip(labels, predictions, strict=True)
    right = sum(label == prediction.label for label, prediction in pairs)
    return f"accuracy {short(right / len(labels))}: {right} of {len(labels)} rows"


def _distance(novelty: "Novelty") -> str:
    place = f"at least as far as {novelty.training_share:.1%} of the training rows"
    outside = ", out of distribution" if novelty.out_of_distribution else ""
    return f"distance to the nearest class mean {short(novelty.distance)}, {place}{outside}"


def _text(warning: "RangeWarning") -> str:
    return f"{warning.feature} {shortest(warning.value)} is {warning.detail}"
