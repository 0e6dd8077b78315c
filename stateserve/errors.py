"""The library's errors. The text of each is one line.

StateserveError
├── CheckpointError            the file cannot be served or converted
│   ├── UnreadableCheckpoint   missing, truncated, or not the format of its suffix
│   │   └── SeveralFiles       a checkpoint in several files where one belongs
│   ├── UnsafeCheckpoint       loading it would run the pickle's own code
│   ├── CodeFailed             the model's code is missing, changed, or raises an error
│   │   └── CodeNotAllowed     loading the model would run a Python file without permission
│   ├── NoTemporaryFolder      no folder for temporary files can be written to
│   ├── InvalidConversion      options of a conversion that do not fit the state or the format
│   ├── StateMismatch          keys, shapes, dtypes or values do not fit the module
│   └── CardMismatch           the model card is missing, broken, or of another state
├── DeviceNotFound             this machine has no such device
├── ForwardFailed              the module raised an error, or its output does not fit its card
├── InvalidSlice               the index does not fit the tensor
├── InvalidNames               a pattern, prefix or renaming that does not fit the tensors' names
├── MissingExtra               an optional package is not installed
├── TableError                 a table that cannot be read, with column and row
└── ClientError                the client has no usable answer
    ├── NoAnswer               no server answers, or the answer is not this service's
    └── Problem                the service refused the request, with a reason
"""

from collections.abc import Sequence
from dataclasses import dataclass

# The service's own details are shorter, and names of columns are, too.
MOST_DETAIL = 1000


def cut(text: str) -> str:
    """Both ends of a text that a file or a server has made longer than MOST_DETAIL characters."""
    half = MOST_DETAIL // 2
    return text if len(text) <= MOST_DETAIL else f"{text[:half]}...{text[-half:]}"


class StateserveError(Exception):
    """Base of every error of stateserve."""


class CheckpointError(StateserveError):
    pass


class UnreadableCheckpoint(CheckpointError):
    pass


class SeveralFiles(UnreadableCheckpoint):
    pass


class UnsafeCheckpoint(CheckpointError):
    pass


class CodeFailed(CheckpointError):
    pass


class CodeNotAllowed(CodeFailed):
    pass


class NoTemporaryFolder(CheckpointError):
    pass


class InvalidConversion(CheckpointError):
    pass


class StateMismatch(CheckpointError):
    pass


class CardMismatch(CheckpointError):
    pass


class DeviceNotFound(StateserveError):
    pass


class ForwardFailed(StateserveError):
    pass


class InvalidSlice(StateserveError):
    pass


class InvalidNames(StateserveError):
    pass


class MissingExtra(StateserveError, ImportError):
    pass


class TableError(StateserveError):
    """`row` is that of the file, whose first is 1; `source` names the file. `details` says the
    same for each of several bad rows, of which the error names the first."""

    def __init__(
        self,
        source: object,
        detail: str,
        *,
        column: str | None = None,
        row: int | None = None,
        details: Sequence[str] = (),
    ) -> None:
        places = [] if column is None else [f"column {cut(column)!r}"]
        places += [] if row is None else [f"row {row}"]
        self.detail = cut(f"{', '.join(places)}: {detail}" if places else detail)
        super().__init__(f"{source}: {self.detail}")
        self.details = details or [self.detail]
        self.column = column
        self.row = row


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
    """RFC 9457 problem details. `errors` lists the faults found in the request.

    The text of the error has both ends of a `detail` of more than 1000 characters.
    `request_id` identifies the request in the service's log. `hint` says what a client can do.
    """

    def __init__(
        self,
        url: str,
        status: int,
        detail: str,
        errors: list[Fault],
        request_id: str | None,
        hint: str = "",
    ) -> None:
        super().__init__(f"{url}: {status}: {cut(detail)}{f'; {hint}' if hint else ''}")
        self.url = url
        self.status = status
        self.detail = detail
        self.errors = errors
        self.request_id = request_id
        self.hint = hint

    def with_hint(self, hint: str) -> "Problem":
        """The same problem with another hint."""
        return Problem(self.url, self.status, self.detail, self.errors, self.request_id, hint)
