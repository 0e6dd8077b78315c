"""The OpenAPI document of the current default model."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from copy import deepcopy
from typing import NamedTuple, Self

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import JsonValue
from pydantic.json_schema import JsonSchemaValue as Schema

from app.api.openapi.key_schema import require_keys
from app.api.openapi.schemas import complete
from app.api.service import Service
from app.predict import Endpoint
from stateserve.errors import StateserveError
from stateserve.model import AnyCard, AnyModel, TensorModel, example_json


class _Described(NamedTuple):
    """The described parts of a model, without its weights, which a reload may free."""

    title: str
    version: str
    card: AnyCard
    media_types: Sequence[str]
    answer_types: Sequence[str]
    example: JsonValue

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        model = endpoint.model
        example = None
        if isinstance(model, TensorModel):
            # Pictures have examples of their own.
            plain = [each for each in model.signature.inputs if each.image is None]
            given = model.signature.model_copy(update={"inputs": plain})
            example = example_json(given, model.example)
        return cls(
            title_of(model),
            model.version,
            model.card,
            endpoint.media_types(),
            endpoint.answer_types(),
            example,
        )


class _Written(NamedTuple):
    """The document for one default model."""

    described: _Described
    document: Schema
    content: bytes
    etag: str


class Document:
    """Written once for each default model; `needs` returns the scope that a path requires."""

    def __init__(self, app: FastAPI, service: Service, needs: Callable[[str], str | None]) -> None:
        self._app = app
        self._service = service
        self._needs = needs
        self._default = _Described.of(service.endpoint())
        self._routes: Schema | None = None
        self._written: _Written | None = None

    def schema(self) -> Schema:
        return self._current().document

    def encoded(self) -> tuple[bytes, str]:
        """The document as JSON, and its ETag."""
        current = self._current()
        return current.content, current.etag

    def _current(self) -> _Written:
        # If no version is loaded, the document does not change.
        with suppress(StateserveError):
            self._default = _Described.of(self._service.endpoint())
        written = self._written
        if written is None or written.described.card is not self._default.card:
            written = self._written = self._write(self._default)
        return written

    def _write(self, described: _Described) -> _Written:
        document = deepcopy(self._of_routes())
        document["info"]["title"] = described.title
        document["info"]["version"] = described.version
        complete(
            document,
            described.card,
            described.example,
            self._service.settings.max_instances,
            described.media_types,
            described.answer_types,
        )
        require_keys(document, self._needs)
        content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        return _Written(described, document, content, hashlib.sha256(content).hexdigest())

    def _of_routes(self) -> Schema:
        """The part that is the same for every model; it takes most of the time."""
        if self._routes is None:
            app = self._app
            self._routes = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes
            )
            # Relative to the document: a proxy may add a prefix to all paths.
            self._routes["servers"] = [{"url": "."}]
            _drop_titles(self._routes["components"]["schemas"].values())
            _drop_titles(self._routes["paths"].values())
        return self._routes


def _drop_titles(nodes: Iterable[JsonValue], below: bool = False) -> None:
    """Remove the titles of fields, which pydantic makes from their names; those of whole schemas
    stay."""
    for node in nodes:
        if isinstance(node, dict):
            if below and isinstance(node.get("title"), str):
                del node["title"]
            _drop_titles(node.values(), below=True)
        elif isinstance(node, list):
            _drop_titles(node, below=True)


def title_of(model: AnyModel) -> str:
    return f"{model.name}: predictions and parameters"
