"""The commands that serve a model and ask it for an answer."""

import json
import shlex
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import JsonValue

from stateserve.model import named_values
from training.tables.report.tested import Tested

URL = "http://127.0.0.1:8000"
# A longer body is no example.
MOST_TEXT = 4000


@dataclass(frozen=True)
class Calls:
    """Commands for a shell, and lines of Python; `answer` is what the model says of the row.

    `curl` and `python` are absent if the row is too long to show.
    """

    serve: str
    predict: str
    curl: str | None
    python: str | None
    answer: str

    @classmethod
    def of(cls, tested: Tested, model: str) -> Self:
        """`model` are the options of `stateserve serve` that name the model."""
        place = _ordinary_row(tested)
        # In their shortest form: 5.1, not 5.099999904632568.
        row = tested.rows[place].astype(str).astype(np.float64)
        instance = _short(tested, named_values(tested.features, row.tolist()))
        body = json.dumps({"instances": [instance]}, ensure_ascii=False)
        answer = tested.answers[place]
        said = tested.classes[int(answer.argmax())] if tested.classes else f"{answer:.6g}"
        serve, predict = f"stateserve serve {model}", f"stateserve predict FILE.csv {model}"
        if len(body) > MOST_TEXT:
            return cls(serve, predict, None, None, said)
        curl = (
            f"curl -s {URL}/predict -H 'Content-Type: application/json' "
            f"--data-binary {shlex.quote(body)}"
        )
        method = "label" if tested.classes else "outputs"
        python = (
            "from stateserve.client import Client\n\n"
            f'client = Client("{URL}")\n'
            f"print(client.predict({instance!r}).{method})"
        )
        return cls(serve, predict, curl, python, said)


def _short(tested: Tested, instance: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The instance with 3 for 3.0 where all training values are whole."""
    whole = {each.name for each in tested.features if each.whole}
    return {
        name: int(value) if name in whole and isinstance(value, float) else value
        for name, value in instance.items()
    }


def _ordinary_row(tested: Tested) -> int:
    """The first row without missing values and without rare texts, if there is such a row."""
    for place, row in enumerate(tested.rows):
        cells = zip(tested.features, row.tolist(), strict=True)
        if all(feature.value_of(number) is not None for feature, number in cells):
            return place
    return 0
