"""Predictions as tables for people."""

import json
from collections.abc import Mapping, Sequence

from app.cli.feature_options import cell_text
from app.cli.output import print_line, print_table, short, table
from stateserve.client import Novelty, Prediction, RangeWarning
from stateserve.tables import Truth
from stateserve.text import shortest

# The most numbers of an output that are shown.
MOST_NUMBERS = 16


def show_one(prediction: Prediction) -> None:
    """Print every class, the most probable first, or every output."""
    if prediction.outputs:
        _show_outputs(prediction)
    else:
        _show_classes(prediction)
    if novelty := prediction.novelty:
        print_line(_distance(novelty))
    for warning in prediction.warnings:
        print_line(_text(warning))


def _show_classes(prediction: Prediction) -> None:
    logs = prediction.log_probabilities or {}
    rows = table("class", "probability", *(["log-probability"] if logs else []))
    for label, probability in _ranked(prediction):
        rows.add_row(label, short(probability), *([short(logs[label])] if logs else []))
    print_table(rows)


def _ranked(prediction: Prediction) -> list[tuple[str, float]]:
    return sorted(prediction.probabilities.items(), key=lambda item: item[1], reverse=True)


def _show_outputs(prediction: Prediction) -> None:
    rows = table("output", "value")
    for name, value in prediction.outputs.items():
        rows.add_row(_titled(name, prediction), _value(value))
    print_table(rows)


def show_rows(
    given: Sequence[Mapping[str, str]],
    truth: Truth | None,
    found: Sequence[Prediction],
    numbers: Sequence[int] | None,
    *,
    ranked: bool,
) -> None:
    """Print a line for each row, `given` with its answer; `truth` has the true ones, and `numbers`
    are those of the rows in the file, where they are shown. With `ranked`, each row has all the
    probabilities of its answer."""
    first = found[0]
    true = "true value" if first.outputs else "true class"
    columns = {
        true: truth is not None,
        "class": not first.outputs,
        "probability": not first.outputs and not ranked,
        "probabilities": not first.outputs and ranked,
        "log-probability": first.log_probabilities is not None,
        "distance": first.novelty is not None,
        "warnings": True,
    }
    outputs = [_titled(name, first) for name in first.outputs]
    before = [] if numbers is None else ["row"]
    rows = table(*before, *given[0], *outputs, *(name for name in columns if columns[name]))
    truths = truth.values if truth else [None] * len(found)
    for place, (row, known, prediction) in enumerate(zip(given, truths, found, strict=True)):
        cells = _cells(prediction) | {true: cell_text(known)}
        shown = (cells[name] for name in columns if columns[name])
        number = [] if numbers is None else [str(numbers[place])]
        rows.add_row(*number, *row.values(), *map(_value, prediction.outputs.values()), *shown)
    print_table(rows)


def _cells(prediction: Prediction) -> dict[str, str]:
    label, logs, novelty = prediction.label or "", prediction.log_probabilities, prediction.novelty
    warnings = [_text(warning) for warning in prediction.warnings]
    ranked = (f"{label} {short(each)}" for label, each in _ranked(prediction))
    if novelty and novelty.out_of_distribution:
        warnings.append("out of distribution")
    return {
        "class": label,
        "probability": short(prediction.probabilities.get(label)),
        "probabilities": ", ".join(ranked),
        "log-probability": short(logs[label] if logs else None),
        "distance": short(novelty.distance if novelty else None),
        "warnings": "; ".join(warnings),
    }


def _titled(name: str, prediction: Prediction) -> str:
    unit = prediction.units.get(name)
    return f"{name} ({unit})" if unit else name


def _value(value: object) -> str:
    """A number, a class with its probability, a short list, or the shape of a long one."""
    if isinstance(value, dict):
        label = value["class"]
        return f"{label} {short(value['probabilities'].get(label))}"
    if not isinstance(value, list):
        return shortest(value) if isinstance(value, float) else json.dumps(value)
    if len(value) <= MOST_NUMBERS and not any(isinstance(each, list) for each in value):
        return f"[{', '.join(map(_value, value))}]"
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return f"numbers of shape {shape}; --json shows them"


def _distance(novelty: Novelty) -> str:
    place = f"farther than {novelty.training_share:.1%} of the training rows"
    outside = ", out of distribution" if novelty.out_of_distribution else ""
    return f"distance to the nearest class mean {short(novelty.distance)}, {place}{outside}"


def _text(warning: RangeWarning) -> str:
    return f"{warning.feature} {shortest(warning.value)} is {warning.detail}"
