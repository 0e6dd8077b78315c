"""Feedback: the true class, or the true value, of a logged prediction."""

import math
import re
import time
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from app.errors import MAX_FAULTS, InvalidFeedback, PredictionNotFound
from app.monitor.prediction_log.writer import PredictionLog
from app.predict import LARGEST, escape
from app.predict.codecs import JsonObject, describe, parse_json
from stateserve.errors import Fault
from stateserve.model import MAX_AXES

if TYPE_CHECKING:
    from app.monitor.prediction_log.database import LoggedRow

# The id of the answer, and the number of the instance; in rows of an older release, the caller's
# request id.
PREDICTION_ID = re.compile(r"[A-Za-z0-9._-]{1,128}:[0-9]{1,9}")
FIELDS = ("prediction_id", "class", "value")
WANTED = 'an object with "prediction_id", and "class" or "value"'


class Feedback(NamedTuple):
    """Either a class of the prediction's model, or the values of its first output without classes,
    flat; `shape` is that of the lists they came in."""

    prediction_id: str
    true_class: str | None = None
    true_value: list[float] | None = None
    shape: tuple[int, ...] = ()


def parse_feedback(body: bytes | bytearray) -> Feedback:
    """Parse `{"prediction_id": ..., "class": ...}`, both strings, or with "value" instead of
    "class": a number, or a list of numbers or lists.

    Raises MalformedBody, or InvalidFeedback with a JSON pointer for each fault.
    """
    value = parse_json(body)
    if not isinstance(value, JsonObject):
        raise InvalidFeedback([Fault("", f"{describe(value)} where {WANTED} belongs")])
    if faults := list(islice(_faults(value), MAX_FAULTS)):
        raise InvalidFeedback(faults)
    given = dict(value)
    if "value" in given:
        numbers = given["value"]
        return Feedback(given["prediction_id"], None, list(_numbers(numbers)), _shape(numbers))
    return Feedback(given["prediction_id"], given["class"])


def _why_no_numbers(value: object) -> str | None:
    inside = [value]
    for _ in range(MAX_AXES + 1):
        inside = [each for given in inside if isinstance(given, list) for each in given]
    if inside:
        return f"more than {MAX_AXES} lists in each other; an output has fewer axes"
    if all(map(math.isfinite, _numbers(value))):
        return None
    return f"{describe(value)} where finite numbers below {LARGEST:.3g} belong"


def _numbers(value: object) -> Iterator[float]:
    """The numbers in nested lists; NaN for what is none."""
    if isinstance(value, list) and not isinstance(value, JsonObject):
        for each in value:
            yield from _numbers(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value) if abs(value) < LARGEST else math.nan
    else:
        yield math.nan


def _shape(value: object) -> tuple[int, ...]:
    """The sizes of nested lists; those of ragged lists are no numbers' of an output."""
    if not isinstance(value, list):
        return ()
    shapes = {_shape(each) for each in value}
    return (len(value), *(shapes.pop() if len(shapes) == 1 else (-1,)))


def _faults(value: JsonObject) -> Iterator[Fault]:
    seen: set[str] = set()
    for name, given in value:
        if name not in FIELDS:
            yield Fault(f"/{escape(name)}", f"unknown field; {WANTED} belongs here")
        elif name in seen:
            yield Fault(f"/{name}", "stands twice")
        elif name == "value":
            if detail := _why_no_numbers(given):
                yield Fault("/value", detail)
        # type(), not isinstance: the parser's mark for NaN is a subclass of str.
        elif type(given) is not str:
            yield Fault(f"/{name}", f"{describe(given)} where a string belongs")
        elif name == "prediction_id" and not PREDICTION_ID.fullmatch(given):
            detail = "send the answer's X-Prediction-ID, a colon, and the instance's number from 0"
            yield Fault("/prediction_id", detail)
        seen.add(name)
    if "prediction_id" not in seen:
        yield Fault("/prediction_id", "missing; a string is needed")
    if len(seen & {"class", "value"}) != 1:
        detail = "missing; a string is needed" if "value" not in seen else "not with value"
        yield Fault("/class", detail)


def attach(log: PredictionLog, feedback: Feedback) -> "list[LoggedRow]":
    """Set the true class or value of a prediction, and return its rows from before.

    Raises PredictionNotFound, InvalidFeedback for a class or a value that the model does not
    have, or LogUnavailable.
    """
    rows = log.find(feedback.prediction_id)
    if not rows:
        raise PredictionNotFound(
            f"no prediction {feedback.prediction_id!r} in the log; one that another process made "
            f"is there {log.flush_seconds:g} s later"
        )
    for row in rows:
        if fault := _misfit(row, feedback):
            raise InvalidFeedback([fault])
    log.database.attach(*feedback[:3], time.time())
    return rows


def _misfit(row: "LoggedRow", feedback: Feedback) -> Fault | None:
    """Why a logged row cannot have this feedback; None if it can."""
    if feedback.true_value is not None:
        logged = _logged(row.outputs)
        if logged is None:
            return Fault("/value", f"{row.model} has no output of values in the log; send a class")
        shape = _shape(logged)
        count = math.prod(shape)
        accepted = {shape, (count,), *([()] if count == 1 else [])}
        if feedback.shape not in accepted:
            wanted = " or ".join(map(_form, sorted(accepted, key=len)))
            return Fault("/value", f"{_form(feedback.shape)} where {wanted} belongs")
        return None
    # Of many classes, only the most probable are in the log.
    cut = any(isinstance(each, dict) and "classes" in each for each in (row.outputs or {}).values())
    if feedback.true_class in row.probabilities or cut:
        return None
    classes = ", ".join(row.probabilities) or "none; send a value"
    return Fault("/class", f"{row.model} has no class {feedback.true_class!r}; known: {classes}")


def _form(shape: tuple[int, ...]) -> str:
    """Nested lists of a shape, in words."""
    if not shape:
        return "a number"
    if 0 in shape:
        return "a list without numbers"
    if -1 in shape:
        return "lists of different lengths"
    if len(shape) == 1:
        return f"a list of {shape[0]} number{'s' if shape[0] > 1 else ''}"
    return f"lists of shape {list(shape)}"


def logged_values(outputs: dict[str, object] | None) -> list[float] | None:
    """The numbers of the first output without classes, flat, if they are in the log."""
    found = _logged(outputs)
    return None if found is None else list(_numbers(found))


def _logged(outputs: dict[str, object] | None) -> object:
    """The first output without classes, if it is in the log and not empty."""
    for value in (outputs or {}).values():
        if not isinstance(value, dict):
            return value
    return None
