"""The instance that the options of `stateserve predict` give."""

import re
from collections import Counter
from typing import Any

from app.errors import InvalidInput
from stateserve.client import Instance
from stateserve.model import Feature
from stateserve.tables import read_value
from stateserve.text import did_you_mean, shortest

# The options of `stateserve predict` itself (app/cli/predict.py).
OWN_OPTIONS = {
    *("--model", "--url", "--json", "--help"),
    *("--log-probabilities", "--calibrated", "--out-of-distribution", "--top", "--allow-code"),
    "--skip-bad-rows",
}


def read_options(arguments: list[str], features: list[Feature], notes: list[str]) -> Instance:
    """Parse `--sepal-length 5.1` or `--sepal_length=5.1` for each feature; `notes` gets what was
    assumed of them.

    Raises InvalidInput or TableError.
    """
    names = _options(features)
    by_name = {feature.name: feature for feature in features}
    flower: dict[str, object] = {}
    left = list(arguments)
    while left:
        option, equals, text = left.pop(0).partition("=")
        name = names.get(_option(option.removeprefix("--"))) if option[:2] == "--" else None
        if name is None:
            near = did_you_mean(option.strip("-"), [each[2:] for each in (*names, *OWN_OPTIONS)])
            raise InvalidInput(f"no option {option!r}; the features are {', '.join(names)}{near}")
        if name in flower:
            raise InvalidInput(f"{option} stands twice")
        if not equals and not left:
            raise InvalidInput(f"{option} needs a number")
        cell = text if equals else left.pop(0)
        flower[name] = read_value(by_name[name], cell, option, notes)
    if alone := [each.name for each in features if each.name not in names.values()]:
        raise InvalidInput(f"no option for {', '.join(alone)}; a table in their place does")
    if missing := [option for option, name in names.items() if name not in flower]:
        raise InvalidInput(f"missing {', '.join(missing)}; a table in their place also does")
    return flower


def _options(features: list[Feature]) -> dict[str, str]:
    """The features by option; features without an option of their own are left out."""
    options = Counter(_option(feature.name) for feature in features)
    return {
        option: feature.name
        for feature in features
        if options[option := _option(feature.name)] == 1
        and option not in OWN_OPTIONS
        and "=" not in option
    }


def _option(name: str) -> str:
    return "--" + re.sub(r"[\s_]+", "-", name)


def cell_text(value: Any) -> str:
    """A value of an instance as it is shown; a missing one is empty."""
    if value is None:
        return ""
    return str(value) if isinstance(value, str | bool) else shortest(value)
