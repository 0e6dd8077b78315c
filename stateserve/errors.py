"""What the library raises on purpose; each error's text is one line.

StateserveError
├── CheckpointError            a file that must not be served or converted
│   ├── UnreadableCheckpoint   missing, truncated, not the format its suffix says
│   ├── UnsafeCheckpoint       only arbitrary pickle code could load it
│   ├── StateMismatch          keys, shapes, dtypes or values that do not fit the module
│   └── CardMismatch           the model card is missing, broken, or of another state
├── InvalidSlice               an index that does not fit the tensor
├── MissingExtra               an optional package is not installed
└── ClientError                the client got no answer that it can use
    ├── NoAnswer               nobody there, or an answer that is not this service's
    └── Problem                the service refused, and said why
"""

from dataclasses import dataclass


class StateserveError(Exception):
    """Base of every error that stateserve raises on purpose."""


class CheckpointError(StateserveError):
    pass


class UnreadableCheckpoint(CheckpointError):
    pass


class UnsafeCheckpoint(CheckpointError):
    pass


class StateMismatch(CheckpointError):
    pass


class CardMismatch(CheckpointError):
    pass


class InvalidSlice(StateserveError):
    pass


class MissingExtra(StateserveError, ImportError):
    pass


@dataclass(frozen=True)
class Fault:
    """One mistake in a request: where (a JSON pointer or a parameter's name) and what."""

    pointer: str
    detail: str


class ClientError(StateserveError):
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
