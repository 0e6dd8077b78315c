"""Feedback: the true class of a logged prediction."""

import re
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from app.errors import InvalidFeedback, PredictionNotFound
from app.monitor.prediction_log.queue import PredictionLog
from app.predict.codecs import MAX_FAULTS, JsonObject, describe, escape, parse_json
from stateserve.errors import Fault

# The id of the answer, and the number of the instance; in rows of an older release, the caller's
# request id.
PREDICTION_ID = re.compile(r"[A-Za-z0-9._-]{1,128}:[0-9]{1,9}")
FIELDS = ("prediction_id", "class")
WANTED = 'an object with "prediction_id" and "class"'


class Feedback(NamedTuple):
    """`true_class` is a name, which must be a class of the prediction's model."""

    prediction_id: str
    true_class: str


def parse_feedback(body: bytes | bytearray) -> Feedback:
    """Parse `{"prediction_id": ..., "class": ...}`, both strings.

    Raises MalformedBody, or InvalidFeedback with a JSON pointer for each fault.
    """
    value = parse_json(body)
    if not isinstance(value, JsonObject):
        raise InvalidFeedback([Fault("", f"{describe(value)} where {WANTED} belongs")])
    if faults := list(islice(_faults(value), MAX_FAULTS)):
        raise InvalidFeedback(faults)
    given = dict(value)
    return Feedback(*map(given.__getitem__, FIELDS))


def _faults(value: JsonObject) -> Iterator[Fault]:
    seen: set[str] = set()
    for name, given in value:
        if name not in FIELDS:
            yield Fault(f"/{escape(name)}", f"unknown field; {WANTED} belongs here")
        elif name in seen:
            yield Fault(f"/{name}", "stands twice")
        # type(), not isinstance: the parser's mark for NaN is a subclass of str.
        elif type(given) is not str:
            yield Fault(f"/{name}", f"{describe(given)} where a string belongs")
        elif name == "prediction_id" and not PREDICTION_ID.fullmatch(given):
            detail = "send the answer's X-Prediction-ID, a colon, and the instance's number from 0"
            yield Fault("/prediction_id", detail)
        seen.add(name)
    for name in FIELDS:
        if name not in seen:
            yield Fault(f"/{name}", "missing; a string is needed")


def attach(log: PredictionLog, feedback: Feedback) -> list[Any]:
    """Set the true class of a prediction, and return its rows from before.

    Raises PredictionNotFound, InvalidFeedback for a class that the model does not have, or
    LogUnavailable.
    """
    rows = log.find(feedback.prediction_id)
    if not rows:
        raise PredictionNotFound(
            f"no prediction {feedback.prediction_id!r} in the log; one that another process made "
            f"is there {log.flush_seconds:g} s later"
        )
    for row in rows:
        if feedback.true_class not in row.probabilities:
            classes = ", ".join(row.probabilities)
            detail = f"{row.model} has no class {feedback.true_class!r}; there is {classes}"
            raise InvalidFeedback([Fault("/class", detail)])
    log.database.attach(feedback.prediction_id, feedback.true_class, time.time())
    return rows
