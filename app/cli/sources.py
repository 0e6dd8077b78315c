"""The model of a command: a local checkpoint, or a running service."""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Unpack

import typer

if TYPE_CHECKING:
    from stateserve.checkpoint import State
    from stateserve.client import Client, Details, Flower, Prediction
    from stateserve.model import Card

# Shorter than for programs, since a person waits: enough for a restart of the service.
PATIENCE_SECONDS = 2.0


class Source(Protocol):
    """The methods that `stateserve predict` needs; stateserve.client.Client has them."""

    def card(self) -> "Card": ...

    def predict(
        self, flowers: "Sequence[Flower]", **details: "Unpack[Details]"
    ) -> "list[Prediction]": ...


class Checkpoint:
    """The service's path from request to answer, in this process, without HTTP."""

    def __init__(self, path: Path) -> None:
        from app.predict import TabularPipeline
        from app.predict.codecs import JsonFormat
        from stateserve.model import Predictor

        self._predictor = Predictor.load(path)
        self._pipeline = TabularPipeline(self._predictor)
        self._format = JsonFormat(self._predictor, max_instances=sys.maxsize)

    def card(self) -> "Card":
        return self._predictor.card

    def predict(
        self, flowers: "Sequence[Flower]", **details: "Unpack[Details]"
    ) -> "list[Prediction]":
        from app.predict import Options
        from stateserve.client import decode_predictions, encode_flowers

        instances = self._format.decode(encode_flowers(flowers))
        parts = self._pipeline.predict_chunks(instances.rows)
        return decode_predictions(self._format.encode(parts, instances, Options(**details)))


@contextmanager
def open_source(model: Path | None, url: str | None) -> Iterator[Source]:
    """The service at `url`, else the checkpoint `model`, else the checkpoint in the settings."""
    if url is None:
        # Imports pydantic-settings, as long as all the rest of a command that looks at a file.
        from app.settings import Settings

        yield Checkpoint(model or Settings.read().model)
        return
    if model is not None:
        raise typer.BadParameter("--model and --url exclude each other")
    with _client(url) as client:
        yield client


def read_source(source: str) -> "State":
    """Read the only state of a checkpoint, or that of the service at an address."""
    if re.match("https?://", source):
        with _client(source) as client:
            return client.arrays()
    from stateserve.checkpoint import read_state

    return read_state(Path(source))


def _client(url: str) -> "Client":
    from app.settings import KEY_VARIABLE
    from stateserve.client import Client

    # Not an option, since other users of the machine can see the arguments of a command.
    return Client(url, key=os.environ.get(KEY_VARIABLE), patience=PATIENCE_SECONDS)
