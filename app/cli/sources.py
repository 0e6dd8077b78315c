"""The model of a command: a local model, or a running service."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Unpack

import typer

from app.errors import InvalidOption
from app.limits import require_memory
from stateserve.errors import Problem

if TYPE_CHECKING:
    from app.settings import Settings
    from stateserve.checkpoint import State
    from stateserve.client import Client, Details, Instance, Prediction
    from stateserve.model import AnyCard

# Shorter than for programs, since a person waits: enough for a restart of the service.
PATIENCE_SECONDS = 2.0


class Source(Protocol):
    """The methods that `stateserve predict` needs; stateserve.client.Client has them."""

    def card(self) -> "AnyCard": ...

    def predict(
        self, instances: "Sequence[Instance]", **details: "Unpack[Details]"
    ) -> "list[Prediction]": ...

    def predict_body(
        self, content: bytes, media_type: str, **details: "Unpack[Details]"
    ) -> "list[Prediction]": ...


@contextmanager
def open_source(
    model: Path | None, url: str | None, key: str | None, *, allow_code: bool
) -> Iterator[Source]:
    """The service at `url`, else the model `model`, else the model in the settings.

    `key` is the place of the state in a file that holds more.
    """
    if url is None:
        require_memory()
        # Imports pydantic-settings, as long as all the rest of a command that looks at a file.
        from app.cli.local_model import LocalModel
        from app.settings import Settings

        settings = Settings.read()
        if model is None:
            model, key = model_of(settings, "--model FILE or --url URL"), key or settings.state_key
        yield LocalModel(model, key, allow_code=allow_code)
        return
    if model is not None:
        named = f"a model of a service is --url {url.rstrip('/')}/models/{model.stem}"
        raise typer.BadParameter(f"--model and --url exclude each other; {named}")
    if key is not None:
        raise typer.BadParameter("--key and --url exclude each other")
    with _service(url) as client:
        yield client


def model_of(settings: "Settings", others: str) -> Path:
    """The model of the settings. Raises InvalidOption, which names `others`, if it is not there."""
    if not settings.model.exists():
        raise InvalidOption(
            f"no model is named, and {settings.model}, that of the settings, does not exist; "
            f"give {others}"
        )
    return settings.model


def read_source(source: str) -> "State":
    """Read the only state of a checkpoint, or that of the service at an address."""
    if re.match("https?://", source):
        with _service(source) as client:
            return client.arrays()
    from stateserve.checkpoint import read_state

    return read_state(Path(source))


@contextmanager
def _service(url: str) -> "Iterator[Client]":
    """Its problems have the hints of a command."""
    from app.settings import KEY_VARIABLE
    from stateserve.client import Client

    hints = {
        401: f"the variable {KEY_VARIABLE} has the key that is sent",
        403: f"another key, in the variable {KEY_VARIABLE}, may have this scope",
        429: "try again later",
        503: "try again later",
    }
    # Not an option, since other users of the machine can see the arguments of a command.
    with Client(url, key=os.environ.get(KEY_VARIABLE), patience=PATIENCE_SECONDS) as client:
        try:
            yield client
        except Problem as problem:
            raise problem.with_hint(hints.get(problem.status, problem.hint)) from None
