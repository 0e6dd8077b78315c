"""What the service raises beside the library's errors (stateserve/errors.py); no word of HTTP.

StateserveError
├── SettingsError              an unknown or malformed setting
├── InvalidInput               options or a table that `stateserve predict` cannot read
├── WorkerError                a worker process that cannot start
├── RequestError               the caller's mistake; the answer says how to mend it
│   ├── MalformedBody          not JSON, or not what its type says
│   ├── InvalidInstances       JSON, but not flowers
│   │   └── InvalidFeedback    JSON, but not the true class of a prediction
│   ├── BodyTooLarge
│   ├── UnsupportedContent     a content type that is not read
│   │   └── CompressedBody
│   ├── InvalidQuery           a query parameter that does not fit the tensor asked for
│   ├── InvalidInference       not a request of the Open Inference Protocol
│   │   └── InvalidTensor      one of its tensors does not fit
│   ├── InvalidTimeout         an X-Request-Timeout that is no number of seconds
│   ├── TensorNotFound
│   ├── PredictionNotFound     feedback for what the prediction log does not hold
│   ├── Unauthorized           no key
│   │   └── UnknownKey         a wrong one
│   ├── Forbidden              a key without the scope that is needed
│   ├── RateExceeded           a key that asks too often
│   ├── UntrustedHost          a host name that is not this service's
│   ├── ModelNotFound
│   ├── VersionNotFound        the model is there, but does not serve this version
│   └── NotAcceptable          no representation that the caller accepts
├── NotProvided                the card or the installation lacks what was asked for
├── ModelUnavailable           known, but no version of it is loaded
├── OutOfStep                  a worker process that does not serve what the others do
├── LogUnavailable             the prediction log's database cannot be asked now
├── RejectedRows               it will never take these rows
├── NotReady                   starting up, or draining before the end
├── DeadlineExceeded           the caller no longer waits for the answer
└── Overloaded                 more requests than the queue holds; nothing was done
"""

import difflib
from collections.abc import Iterable

from stateserve.errors import Fault, StateserveError
from stateserve.text import MOST_SHOWN, shown


class SettingsError(StateserveError):
    pass


class InvalidInput(StateserveError):
    pass


class WorkerError(StateserveError):
    pass


class RequestError(StateserveError):
    pass


class MalformedBody(RequestError):
    def __init__(self, reason: str, offset: int, kind: str = "JSON") -> None:
        super().__init__(f"the body is not valid {kind}: {reason} at byte {offset}")
        self.offset = offset


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
        # Of a longer name, the comparison takes as long as its sender likes.
        nearest = difflib.get_close_matches(name[:MOST_SHOWN], known, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"there is {_listed(known)}"
        super().__init__(f"no model {shown(name)}; {hint}")


class VersionNotFound(RequestError):
    def __init__(self, name: str, version: str, known: Iterable[str], reason: str = "") -> None:
        because = f" ({reason})" if reason else ""
        there = _listed(sorted(known, key=int))
        super().__init__(f"no version {shown(version)} of {name}{because}; there is {there}")


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
    """`limit` requests in `period` seconds were allowed; in `seconds` there is room for one."""

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
