"""What can go wrong, with no word of HTTP (app/api/error_handlers.py maps these).

ServiceError
├── CheckpointError            a file that must not be served or converted
│   ├── UnreadableCheckpoint   missing, truncated, not the format its suffix says
│   ├── UnsafeCheckpoint       only arbitrary pickle code could load it
│   ├── StateMismatch          keys, shapes, dtypes or values that do not fit the module
│   └── CardMismatch           the model card is missing, broken, or of another state
├── SettingsError              an unknown or malformed setting
├── MissingExtra               an optional package is not installed
├── InvalidInput               options or a table that `app predict` cannot read
├── ClientError                app.client was not given what it asked a service for
│   ├── NoAnswer               nobody there, or an answer that is not this service's
│   └── Problem                the service refused, and said why
├── WorkerError                a worker process that cannot start
├── RequestError               the caller's mistake; the caller is told how to mend it
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
from dataclasses import dataclass

MOST_SHOWN = 128


class ServiceError(Exception):
    """Base of every error that this service raises on purpose; its text is one line."""


class CheckpointError(ServiceError):
    pass


class UnreadableCheckpoint(CheckpointError):
    pass


class UnsafeCheckpoint(CheckpointError):
    pass


class StateMismatch(CheckpointError):
    pass


class CardMismatch(CheckpointError):
    pass


class SettingsError(ServiceError):
    pass


class MissingExtra(ServiceError, ImportError):
    pass


class InvalidInput(ServiceError):
    pass


class WorkerError(ServiceError):
    pass


class RequestError(ServiceError):
    pass


class MalformedBody(RequestError):
    def __init__(self, reason: str, offset: int, kind: str = "JSON") -> None:
        super().__init__(f"the body is not valid {kind}: {reason} at byte {offset}")
        self.offset = offset


@dataclass(frozen=True)
class Fault:
    """One mistake in a request: where (a JSON pointer or a parameter's name) and what."""

    pointer: str
    detail: str


class ClientError(ServiceError):
    pass


class NoAnswer(ClientError):
    pass


class Problem(ClientError):
    """RFC 9457 problem details: `errors` has each fault of the request that was found.

    `request_id` is the one under which the service's log has the request.
    """

    def __init__(
        self, url: str, status: int, detail: str, errors: list[Fault], request_id: str | None
    ) -> None:
        super().__init__(f"{url}: {status}: {detail}")
        self.url = url
        self.status = status
        self.detail = detail
        self.errors = errors
        self.request_id = request_id


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


def shown(given: str | bytes) -> str:
    """A caller's text or header as errors repeat it: quoted, and not at any length."""
    text = given if isinstance(given, str) else given.decode("latin-1")
    return repr(text) if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]!r}..."


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


class NotProvided(ServiceError):
    pass


class ModelUnavailable(ServiceError):
    pass


class OutOfStep(ServiceError):
    pass


class LogUnavailable(ServiceError):
    def __init__(self) -> None:
        super().__init__("the prediction log's database fails; try again later")


class RejectedRows(ServiceError):
    pass


class NotReady(ServiceError):
    pass


class DeadlineExceeded(ServiceError):
    def __init__(self) -> None:
        super().__init__("the request's deadline passed before the model could answer")


class Overloaded(ServiceError):
    pass
