"""Refuses to save or load a model in code that is being imported as that of a model."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from stateserve.errors import CodeFailed

_importing: ContextVar[Path | None] = ContextVar("importing", default=None)


@contextmanager
def importing(file: Path) -> Iterator[None]:
    """While the code of a model, `file`, is imported."""
    token = _importing.set(file)
    try:
        yield
    finally:
        _importing.reset(token)


def refuse_in_import(what: str) -> None:
    """Raise CodeFailed if code of a model is being imported, by which `what` happens."""
    if (file := _importing.get()) is not None:
        raise CodeFailed(
            f"{file}: {what} while the file is imported as the code of a model; put the calls of "
            'its training under if __name__ == "__main__":'
        )
