"""GET /state: the tensors of the state_dict, one or all, as JSON or as a file."""

import difflib
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.dependencies import EntriesDep, ModelDep, ServiceDep
from app.api.endpoints import downloads
from app.api.endpoints.downloads import FORMATS, NOT_MODIFIED, attachment
from app.api.negotiation import unless_known
from app.api.openapi.schemas import BINARY, problems
from app.errors import InvalidQuery, TensorNotFound
from app.predict import choose_media_type
from stateserve.checkpoint import Array, stream_npy, stream_safetensors
from stateserve.inspect import (
    MAX_BINS,
    MAX_JSON_VALUES,
    Entry,
    Histogram,
    Totals,
    histogram,
    json_values,
    take_slice,
    totals,
)

# Endpoints are plain functions: FastAPI runs them in a thread, off the event loop.
router = APIRouter(tags=["state"])

router.include_router(downloads.router)


@dataclass(frozen=True)
class EntryView(Entry):
    values: Any = None


@dataclass(frozen=True)
class StateView:
    """The whole state_dict: hash, totals, and entries in order."""

    state_sha256: str
    totals: Totals
    entries: list[EntryView]


@dataclass(frozen=True)
class TensorView(EntryView):
    slice: str | None = None
    slice_shape: list[int] | None = None
    histogram: Histogram | None = None


class StateQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    values: bool | None = Field(
        default=None, description="true: always; false: never; absent: small tensors only"
    )


class TensorQuery(StateQuery):
    slice: str | None = Field(default=None, description="in NumPy's notation: `0:2,1`")
    histogram: int | None = Field(default=None, ge=1, le=MAX_BINS, description="number of bins")
    format: Literal["json", "npy", "safetensors"] | None = None


@router.get(
    "/state",
    summary="Every entry of the state_dict",
    response_model=StateView,
    responses=NOT_MODIFIED | problems(422),
)
def read_state(
    request: Request,
    service: ServiceDep,
    model: ModelDep,
    entries: EntriesDep,
    query: Annotated[StateQuery, Query()],
) -> Response:
    def make() -> Response:
        limit = service.settings.state_values_limit
        sums = totals(entries)
        if query.values:
            _require_few(sums.elements, limit)
        views = [
            EntryView(**vars(entry), values=_values(model.arrays[entry.name], query.values, limit))
            for entry in entries
        ]
        return _json(StateView(model.state_sha256, sums, views))

    return unless_known(request, model.state_sha256, make)


@router.get(
    "/state/{name}",
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
    if query.histogram and chosen != "json":
        raise InvalidQuery(f"histogram: only in JSON, not in {chosen}")

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
            )
            return _json(view)
        stream = stream_npy(_plain(array)) if chosen == "npy" else stream_safetensors({name: array})
        return attachment(stream, FORMATS[chosen], f"{name}.{chosen}")

    return unless_known(request, f"{entry.sha256}-{chosen}", make)


def _plain(array: Array) -> Array:
    """bfloat16 and float8, which the npy format lacks, as float32, which has all their values."""
    return array if array.dtype.isbuiltin == 1 else array.astype(np.float32)


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
