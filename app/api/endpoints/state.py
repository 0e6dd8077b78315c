"""GET /state: the tensors of the state_dict, one or all, as JSON or as a file."""

import difflib
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec
import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.convertors import Convertor, register_url_convertor

from app.api.dependencies import EntriesDep, ModelDep, ServiceDep
from app.api.endpoints import downloads
from app.api.endpoints.downloads import FORMATS, NOT_MODIFIED, attachment
from app.api.negotiation import unless_known
from app.api.openapi.schemas import BINARY, problems
from app.errors import InvalidQuery, TensorNotFound
from app.predict import choose_media_type
from stateserve.checkpoint import CHUNK, Array, stream_npy, stream_safetensors, value_chunks
from stateserve.errors import InvalidNames, StateMismatch
from stateserve.inspect import (
    MAX_BINS,
    MAX_JSON_VALUES,
    Entry,
    Findings,
    Histogram,
    Node,
    Spectrum,
    Totals,
    find,
    histogram,
    json_values,
    matrix_shape,
    module_tree,
    spectrum,
    take_slice,
    totals,
)
from stateserve.names import select

# Of a page of entries.
MOST_ENTRIES = 10_000
# For singular values, about a second of one core.
MOST_OPERATIONS = 5 * 10**9


class _Text(Convertor[str]):
    """Any text: a name may have slashes, as those of JAX, and line breaks."""

    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("text", _Text())

# Endpoints are plain functions: FastAPI runs them in a thread, off the event loop.
router = APIRouter(tags=["state"])

router.include_router(downloads.router)


@dataclass(frozen=True)
class EntryView(Entry):
    values: Any = None
    href: str | None = None


@dataclass(frozen=True)
class StateView:
    """The state_dict: hash, totals of the selected entries, and a page of them in order.

    `next` is the path of the next page. With `tree` there are no entries.
    """

    state_sha256: str
    totals: Totals
    entries: list[EntryView]
    next: str | None = None
    tree: Node | None = None


@dataclass(frozen=True)
class TensorView(EntryView):
    slice: str | None = None
    slice_shape: list[int] | None = None
    histogram: Histogram | None = None
    spectrum: Spectrum | None = None
    findings: Findings | None = None


class ValuesQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    values: bool | None = Field(
        default=None, description="true: always; false: never; absent: small tensors only"
    )


class StateQuery(ValuesQuery):
    only: list[str] = Field(
        default=[], description="names: a module, or a pattern such as `*.weight`", max_length=100
    )
    offset: int = Field(default=0, ge=0, le=MOST_ENTRIES)
    limit: int = Field(default=1000, ge=1, le=MOST_ENTRIES, description="entries in the answer")
    tree: bool = Field(default=False, description="modules with their sums instead of entries")


class TensorQuery(ValuesQuery):
    slice: str | None = Field(default=None, description="in NumPy's notation: `0:2,1`")
    histogram: int | None = Field(default=None, ge=1, le=MAX_BINS, description="number of bins")
    format: Literal["json", "npy", "safetensors"] | None = None
    singular_values: bool = Field(default=False, description="of a matrix: with its ranks")
    dead: bool = Field(default=False, description="rows and columns of zeros, NaN, constants")


@router.get(
    "/state",
    summary="Every entry of the state_dict",
    response_model=StateView,
    responses=NOT_MODIFIED | problems(404, 422),
)
def read_state(
    request: Request,
    service: ServiceDep,
    model: ModelDep,
    entries: EntriesDep,
    query: Annotated[StateQuery, Query()],
) -> Response:
    entries = _selected(entries, query.only)

    def make() -> Response:
        limit = service.settings.state_values_limit
        sums = totals(entries)
        if query.tree:
            return _json(StateView(model.state_sha256, sums, [], tree=module_tree(entries)))
        page = entries[query.offset : query.offset + query.limit]
        if query.values:
            _require_few(sum(entry.elements for entry in page), limit)
        views = [
            EntryView(
                **vars(entry),
                values=_values(model.arrays[entry.name], query.values, limit),
                href=f"{request.url.path}/{quote(entry.name, safe='')}",
            )
            for entry in page
        ]
        return _json(StateView(model.state_sha256, sums, views, next=_next(request, query, sums)))

    return unless_known(request, model.state_sha256, make)


@router.get(
    "/state/{name:text}",
    summary="One tensor",
    response_model=TensorView,
    responses={200: {"content": {FORMATS["npy"]: BINARY, FORMATS["safetensors"]: BINARY}}}
    | NOT_MODIFIED
    | problems(404, 406, 422),
)
def read_tensor(
    request: Request,
    name: str,
    service: ServiceDep,
    model: ModelDep,
    entries: EntriesDep,
    query: Annotated[TensorQuery, Query()],
) -> Response:
    entry = _find(entries, name)
    array = model.arrays[name]
    if query.slice is not None:
        array = take_slice(array, query.slice)
    chosen = query.format or _format_for(request)
    for name_of_option in ("histogram", "singular_values", "dead"):
        if getattr(query, name_of_option) and chosen != "json":
            raise InvalidQuery(f"{name_of_option}: only in JSON, not in {chosen}")

    def make() -> Response:
        if chosen == "json":
            limit = service.settings.state_values_limit
            if query.values:
                _require_few(array.size, limit)
            view = TensorView(
                **vars(entry),
                values=_values(array, query.values, limit),
                slice=query.slice,
                slice_shape=list(array.shape) if query.slice is not None else None,
                histogram=histogram(array, query.histogram) if query.histogram else None,
                spectrum=_spectrum(array) if query.singular_values else None,
                findings=find(array) if query.dead else None,
            )
            return _json(view)
        stream = stream_npy(_plain(array)) if chosen == "npy" else stream_safetensors({name: array})
        return attachment(stream, FORMATS[chosen], f"{name}.{chosen}")

    return unless_known(request, f"{entry.sha256}-{chosen}", make)


def _plain(array: Array) -> Array:
    """bfloat16 and float8, which the npy format lacks, as float32, which has all their values."""
    return array if array.dtype.isbuiltin == 1 else array.astype(np.float32)


def _selected(entries: list[Entry], patterns: list[str]) -> list[Entry]:
    try:
        chosen = set(select([entry.name for entry in entries], patterns))
    except InvalidNames as error:
        raise TensorNotFound(str(error)) from None
    return [entry for entry in entries if entry.name in chosen]


def _next(request: Request, query: StateQuery, sums: Totals) -> str | None:
    end = query.offset + query.limit
    if end >= sums.entries:
        return None
    return f"{request.url.path}?{request.url.include_query_params(offset=end).query}"


def _spectrum(array: Array) -> Spectrum:
    sides = matrix_shape(array.shape)
    if sides is None:
        raise InvalidQuery("singular_values: of a tensor with two axes or more, and elements")
    try:
        return spectrum(*sides, value_chunks(array, CHUNK), MOST_OPERATIONS)
    except StateMismatch as error:
        raise InvalidQuery(f"singular_values: {error}") from None


def _format_for(request: Request) -> str:
    chosen = choose_media_type(request.headers.get("accept", "*/*"), FORMATS.values())
    return next(name for name, media_type in FORMATS.items() if media_type == chosen)


def _values(array: Array, wanted: bool | None, limit: int) -> object:
    shown = array.size <= limit if wanted is None else wanted
    return json_values(array) if shown else None


def _require_few(count: int, limit: int) -> None:
    most = max(MAX_JSON_VALUES, limit)
    if count > most:
        raise InvalidQuery(
            f"values: {count} elements, and JSON is sent of at most {most}; of /state/{{name}} ask "
            "a slice, or format=npy or safetensors"
        )


def _find(entries: list[Entry], name: str) -> Entry:
    found = {entry.name: entry for entry in entries}
    if name not in found:
        nearest = difflib.get_close_matches(name[:200], found, n=1, cutoff=0)[0]
        raise TensorNotFound(f"no tensor {name!r} in the state; the nearest name is {nearest!r}")
    return found[name]


def _json(view: StateView | TensorView) -> Response:
    return Response(msgspec.json.encode(view), media_type=FORMATS["json"])
