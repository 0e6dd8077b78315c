"""The errors that the service adds to those of the library (stateserve/errors.py).

StateserveError
├── SettingsError              an unknown or malformed setting
├── InvalidInput               options or a table that `stateserve predict` cannot read
│   └── InvalidOption          the value of an option of any command
├── WorkerError                a worker process that cannot start
├── LimitError                 a limit of the system for processes that is too low
├── RequestError               an error in the request; the message says how to correct it
│   ├── MalformedBody          the body is not valid in its media type
│   ├── InvalidInstances       a valid body that holds no valid instances
│   │   └── InvalidFeedback    a valid body that holds no true class of a prediction
│   ├── BodyTooLarge
│   ├── UnsupportedContent     a media type that is not accepted
│   │   └── CompressedBody
│   ├── InvalidQuery           an invalid query parameter
│   ├── InvalidInference       an invalid request of the Open Inference Protocol
│   │   └── InvalidTensor      one of its tensors is invalid
│   ├── InvalidTimeout         an X-Request-Timeout that is no number of seconds
│   ├── TensorNotFound
│   ├── PredictionNotFound     feedback on a prediction that is not in the prediction log
│   ├── Unauthorized           no key
│   │   └── UnknownKey
│   ├── Forbidden              a key without the required scope
│   ├── RateExceeded           more requests than the key's rate allows
│   ├── UntrustedHost          a Host header that names no trusted host
│   ├── ModelNotFound
│   ├── VersionNotFound        a known model that does not serve this version
│   └── NotAcceptable          no representation that the Accept header allows
├── NotProvided                the card or the installation lacks the requested feature
├── ModelUnavailable           a known model with no loaded version
├── OutOfStep                  a worker process that serves other versions than the rest
├── LogUnavailable             the prediction log's database fails for now
├── RejectedRows               the database rejects these rows, on every attempt
├── NotReady                   the service starts up or drains
├── DeadlineExceeded           the caller no longer waits for the answer
└── Overloaded                 more requests than the queue holds; nothing was done
    └── NoThread               the system starts no thread for the request
"""

import difflib
from collections.abc import Iterable

from stateserve.errors import Fault, StateserveError
from stateserve.text import MOST_SHOWN, shown


class SettingsError(StateserveError):
    pass


class InvalidInput(StateserveError):
    pass


class InvalidOption(InvalidInput):
    pass


class WorkerError(StateserveError):
    pass


class LimitError(StateserveError):
    pass


class RequestError(StateserveError):
    pass


class MalformedBody(RequestError):
    def __init__(self, reason: str, offset: int | None, kind: str = "JSON") -> None:
        place = "" if offset is None else f" at byte {offset}"
        super().__init__(f"the body is not valid {kind}: {reason}{place}")
        self.offset = offset


# An answer names the first of thousands.
MAX_FAULTS = 20


class InvalidInstances(RequestError):
    def __init__(self, faults: list[Fault]) -> None:
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{first.pointer or 'the body'}: {first.detail}{more}")
        self.faults = faults


class InvalidFeedback(InvalidInstances):
    pass


class BodyTooLarge(RequestError):
    pass


class UnsupportedContent(RequestError):
    pass


class CompressedBody(UnsupportedContent):
    def __init__(self, encoding: str) -> None:
        super().__init__(f"Content-Encoding {shown(encoding)}; send the body uncompressed")


class InvalidQuery(RequestError):
    pass


class InvalidInference(RequestError):
    pass


class InvalidTensor(InvalidInference):
    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"tensor {shown(name)}: {detail}")


class InvalidTimeout(RequestError):
    pass


class TensorNotFound(RequestError):
    pass


class PredictionNotFound(RequestError):
    pass


class ModelNotFound(RequestError):
    def __init__(self, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        # The comparison's time grows with the name's length, which the client chooses.
        nearest = difflib.get_close_matches(name[:MOST_SHOWN], known, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"known: {_listed(known)}"
        super().__init__(f"no model {shown(name)}; {hint}")


class VersionNotFound(RequestError):
    def __init__(self, name: str, version: str, known: Iterable[str], reason: str = "") -> None:
        because = f" ({reason})" if reason else ""
        there = _listed(sorted(known, key=int))
        super().__init__(f"no version {shown(version)} of {name}{because}; known: {there}")


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"


class NotAcceptable(RequestError):
    pass


class Unauthorized(RequestError):
    pass


class UnknownKey(Unauthorized):
    pass


class Forbidden(RequestError):
    pass


class RateExceeded(RequestError):
    """More than `limit` requests in `period` seconds; the next is accepted in `seconds`."""

    def __init__(self, reason: str, seconds: int, limit: int, period: int) -> None:
        super().__init__(f"{reason}; try again in {seconds} s")
        self.seconds = seconds
        self.limit = limit
        self.period = period


class UntrustedHost(RequestError):
    pass


class NotProvided(StateserveError):
    pass


class ModelUnavailable(StateserveError):
    pass


class OutOfStep(StateserveError):
    pass


class LogUnavailable(StateserveError):
    def __init__(self) -> None:
        super().__init__("the prediction log's database fails; try again later")


class RejectedRows(StateserveError):
    pass


class NotReady(StateserveError):
    pass


class DeadlineExceeded(StateserveError):
    def __init__(self) -> None:
        super().__init__("the request's deadline passed before the model could answer")


class Overloaded(StateserveError):
    pass


class NoThread(Overloaded):
    def __init__(self) -> None:
        super().__init__("the system starts no more threads for now; try again later")

    @staticmethod
    def causes(error: BaseException) -> bool:
        """Whether this is Python's error for it, which has no class of its own."""
        return isinstance(error, RuntimeError) and str(error) == "can't start new thread"
