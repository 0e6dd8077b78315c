"""GET /state/{name}: one tensor as JSON, as a file, or as a picture of blocks."""

import asyncio
import re
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import msgspec
import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import Field
from starlette.convertors import Convertor, register_url_convertor

from app.api.dependencies import ModelDep, ServiceDep
from app.api.endpoints.downloads import FORMATS, NOT_MODIFIED, attachment
from app.api.endpoints.entries import EntryView, ValuesQuery, require_few, values_of
from app.api.negotiation import unless_known
from app.api.openapi.schemas import BINARY, problems
from app.errors import InvalidQuery, TensorNotFound
from app.predict import choose_media_type
from app.query_number import WholeNumber
from app.text_form import TextForm
from stateserve.checkpoint import (
    CHUNK,
    Array,
    numpy_values,
    stream_npy,
    stream_safetensors,
    value_chunks,
)
from stateserve.errors import StateMismatch
from stateserve.inspect import (
    MAX_BINS,
    MAX_CELLS,
    Entry,
    EntryOutline,
    Findings,
    Histogram,
    Initialisation,
    Spectrum,
    downsample,
    find,
    histogram,
    initialisation,
    matrix_shape,
    spectrum,
    take_slice,
)
from stateserve.model import AnyModel
from stateserve.text import nearest

# For singular values, about a second of one core.
MOST_OPERATIONS = 5 * 10**9
ONLY_JSON = ("histogram", "singular_values", "dead", "initialisation")
READ_ELEMENTS = "X-Read-Elements"


class _Text(Convertor[str]):
    """Any text: a name may have slashes, as those of JAX, and line breaks."""

    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("text", _Text())

router = APIRouter()


@dataclass(frozen=True)
class TensorView(EntryView):
    slice: str | None = None
    slice_shape: list[int] | None = None
    histogram: Histogram | None = None
    spectrum: Spectrum | None = None
    findings: Findings | None = None
    initialisation: Initialisation | None = None


BLOCKS = TextForm(r"[1-9]\d{0,4}x[1-9]\d{0,4}", "a number of rows and of columns, such as 64x96")


class TensorQuery(ValuesQuery):
    slice: str | None = Field(default=None, description="in NumPy's notation: `0:2,1`")
    histogram: WholeNumber | None = Field(
        default=None, ge=1, le=MAX_BINS, description="number of bins"
    )
    format: Literal["json", "npy", "safetensors"] | None = None
    singular_values: bool = Field(default=False, description="of a matrix: with its ranks")
    dead: bool = Field(default=False, description="rows and columns of zeros, NaN, constants")
    initialisation: bool = Field(
        default=False, description="compared with the values that torch gives a new layer"
    )
    blocks: Annotated[str, BLOCKS] | None = Field(
        default=None,
        description=(
            "`64x96`: as npy, the mean, least and largest value of at most so many blocks of "
            "rows and columns, float32 (3, rows, columns); of a very large tensor some rows are "
            f"read, and {READ_ELEMENTS} says how many elements"
        ),
    )


async def _entry(
    name: str, model: ModelDep, query: Annotated[TensorQuery, Query()]
) -> EntryOutline:
    """The Entry of the path; only its outline for blocks, which may be of a sample of the values.

    Raises TensorNotFound.
    """
    found = {each.name: each for each in model.outline}
    if name not in found:
        near = nearest(name, found)
        raise TensorNotFound(f"no tensor {name!r} in the state; the nearest name is {near!r}")
    if query.blocks is not None:
        return found[name]
    # Shielded, so that a client that leaves does not cancel it for the others.
    return await asyncio.shield(asyncio.wrap_future(model.describe_tensor(found[name])))


# A plain function: FastAPI runs it in a thread, off the event loop.
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
    entry: Annotated[EntryOutline, Depends(_entry)],
    query: Annotated[TensorQuery, Query()],
) -> Response:
    array = model.arrays[name]
    if query.slice is not None:
        array = take_slice(array, query.slice)
    chosen = query.format or ("npy" if query.blocks else _format_for(request))
    for option in ONLY_JSON:
        if getattr(query, option) and chosen != "json":
            raise InvalidQuery(f"{option}: only in JSON, not in {chosen}")

    if not isinstance(entry, Entry):
        picture = partial(_picture, array, query.blocks or "", chosen)
        return unless_known(request, f"{model.state_sha256}-blocks", picture)

    def make() -> Response:
        if chosen == "json":
            limit = service.settings.state_values_limit
            if query.values:
                require_few(array.size, limit)
            return Response(
                msgspec.json.encode(_view(entry, model, array, query, limit)),
                media_type=FORMATS["json"],
            )
        npy = chosen == "npy"
        stream = stream_npy(numpy_values(array)) if npy else stream_safetensors({name: array})
        return attachment(stream, FORMATS[chosen], f"{name}.{chosen}")

    return unless_known(request, f"{entry.sha256}-{chosen}", make)


def _view(
    entry: Entry, model: AnyModel, array: Array, query: TensorQuery, limit: int
) -> TensorView:
    shapes = {each.name: each.shape for each in model.outline}
    real = array.dtype.kind != "c"
    return TensorView(
        **vars(entry),
        values=values_of(array, query.values, limit),
        slice=query.slice,
        slice_shape=list(array.shape) if query.slice is not None else None,
        histogram=histogram(array, query.histogram) if query.histogram else None,
        spectrum=_spectrum(array) if query.singular_values else None,
        findings=find(array) if query.dead else None,
        initialisation=initialisation(entry.name, shapes, entry.statistics)
        if query.initialisation and real
        else None,
    )


def _picture(array: Array, text: str, chosen: str) -> Response:
    if chosen != "npy":
        raise InvalidQuery(f"blocks: only in npy, not in {chosen}")
    rows, columns = map(int, re.findall(r"\d+", text))
    if rows * columns > MAX_CELLS:
        raise InvalidQuery(f"blocks: {text}; at most {MAX_CELLS} blocks")
    found = downsample(array, rows, columns)
    stream = stream_npy(np.stack([found.mean, found.low, found.high]))
    response = attachment(stream, FORMATS["npy"], "blocks.npy")
    response.headers[READ_ELEMENTS] = str(found.read)
    return response


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
