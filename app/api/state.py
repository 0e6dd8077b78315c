"""GET /state: look at the weights, one tensor or all, or take them away."""

import difflib
import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import safetensors.numpy
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.dependencies import PredictorDep, ServiceDep
from app.api.negotiation import choose_media_type, unless_known
from app.api.schemas import problems
from app.errors import InvalidQuery, TensorNotFound
from app.formats import encode_state
from app.inspection import (
    MAX_BINS,
    Array,
    Entry,
    Histogram,
    Totals,
    histogram,
    json_values,
    take_slice,
    totals,
)
from app.predictor import Predictor

# Endpoints are plain functions: FastAPI runs them in a thread, off the event loop.
router = APIRouter(tags=["state"])

FORMATS = {
    "json": "application/json",
    "npy": "application/x-npy",
    "safetensors": "application/vnd.safetensors",
}
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified"}}
BINARY = {"schema": {"type": "string", "format": "binary"}}


@dataclass(frozen=True)
class EntryView(Entry):
    values: Any = None


@dataclass(frozen=True)
class StateView:
    """The whole state_dict: its hash, its totals, its entries in order."""

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
    slice: str | None = Field(default=None, description="as NumPy writes it: `0:2,1`")
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
    predictor: PredictorDep,
    query: Annotated[StateQuery, Query()],
) -> Response:
    def make() -> Response:
        limit = service.settings.state_values_limit
        arrays = predictor.arrays
        entries = [
            EntryView(**vars(entry), values=_values(arrays[entry.name], query.values, limit))
            for entry in predictor.entries
        ]
        view = StateView(predictor.state_sha256, totals(predictor.entries), entries)
        return JSONResponse(asdict(view))

    return unless_known(request, predictor.state_sha256, make)


@router.get(
    "/state.pth",
    summary="Download the state_dict for torch.load",
    responses={200: {"content": {"application/octet-stream": BINARY}}, **NOT_MODIFIED},
    response_class=Response,
)
def download_pth(request: Request, predictor: PredictorDep) -> Response:
    return _download(request, predictor, ".pth", "application/octet-stream")


@router.get(
    "/state.safetensors",
    summary="Download the state_dict as safetensors",
    responses={200: {"content": {FORMATS["safetensors"]: BINARY}}, **NOT_MODIFIED},
    response_class=Response,
)
def download_safetensors(request: Request, predictor: PredictorDep) -> Response:
    return _download(request, predictor, ".safetensors", FORMATS["safetensors"])


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
    predictor: PredictorDep,
    query: Annotated[TensorQuery, Query()],
) -> Response:
    entry = _find(predictor, name)
    array = predictor.arrays[name]
    if query.slice is not None:
        array = take_slice(array, query.slice)
    chosen = query.format or _format_for(request)
    if query.histogram and chosen != "json":
        raise InvalidQuery(f"histogram: only in JSON, not in {chosen}")

    def make() -> Response:
        if chosen == "json":
            limit = service.settings.state_values_limit
            view = TensorView(
                **vars(entry),
                values=_values(array, query.values, limit),
                slice=query.slice,
                slice_shape=list(array.shape) if query.slice is not None else None,
                histogram=histogram(array, query.histogram) if query.histogram else None,
            )
            return JSONResponse(asdict(view))
        content = _npy(array) if chosen == "npy" else _safetensors(name, array)
        return _attachment(content, FORMATS[chosen], f"{name}.{chosen}")

    return unless_known(request, f"{entry.sha256}-{chosen}", make)


def _format_for(request: Request) -> str:
    chosen = choose_media_type(request.headers.get("accept", "*/*"), FORMATS.values())
    return next(name for name, media_type in FORMATS.items() if media_type == chosen)


def _values(array: Array, asked: bool | None, limit: int) -> object:
    shown = array.size <= limit if asked is None else asked
    return json_values(array) if shown else None


def _find(predictor: Predictor, name: str) -> Entry:
    entries = {entry.name: entry for entry in predictor.entries}
    if name not in entries:
        nearest = difflib.get_close_matches(name[:200], entries, n=1, cutoff=0)[0]
        raise TensorNotFound(f"no tensor {name!r} in the state; the nearest name is {nearest!r}")
    return entries[name]


def _npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _safetensors(name: str, array: Array) -> bytes:
    return safetensors.numpy.save({name: np.ascontiguousarray(array).reshape(array.shape)})


def _download(request: Request, predictor: Predictor, suffix: str, media_type: str) -> Response:
    file = Path(predictor.name + suffix)

    def make() -> Response:
        return _attachment(encode_state(predictor.module.state_dict(), file), media_type, file.name)

    return unless_known(request, f"{predictor.state_sha256}{suffix}", make)


def _attachment(content: bytes, media_type: str, filename: str) -> Response:
    # Quotes and control characters cannot end the header early; tensor names are plain anyway.
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in filename)
    headers = {"Content-Disposition": f'attachment; filename="{safe}"'}
    return Response(content, media_type=media_type, headers=headers)
