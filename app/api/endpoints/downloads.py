"""GET /state.pth and /state.safetensors, and the streaming of binary answers."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from torch import Tensor

from app.api.dependencies import ModelDep
from app.api.endpoints.entries import BranchQuery, selected
from app.api.negotiation import unless_known
from app.api.openapi.schemas import BINARY, problems
from app.predict import HEAD, JSON, NPY, SAFETENSORS
from stateserve.checkpoint import Chunks, Stream, stream_pth, stream_safetensors
from stateserve.model import AnyModel

router = APIRouter()

FORMATS = {"json": JSON, "npy": NPY, "safetensors": SAFETENSORS}
NOT_MODIFIED: dict[int | str, dict[str, object]] = {304: {"description": "Not modified"}}
PTH = "application/octet-stream"


@router.get(
    "/state.pth",
    summary="Download the state_dict for torch.load",
    responses={200: {"content": {PTH: BINARY}}} | NOT_MODIFIED | problems(404, 422),
    response_class=Response,
)
def download_pth(
    request: Request, model: ModelDep, query: Annotated[BranchQuery, Query()]
) -> Response:
    stream = stream_pth(_branch(model, query))
    return _download(request, model, stream, ".pth", PTH)


@router.get(
    "/state.safetensors",
    summary="Download the state_dict as safetensors",
    responses={200: {"content": {FORMATS["safetensors"]: BINARY}}}
    | NOT_MODIFIED
    | problems(404, 422),
    response_class=Response,
)
def download_safetensors(
    request: Request, model: ModelDep, query: Annotated[BranchQuery, Query()]
) -> Response:
    stream = stream_safetensors(_branch(model, query))
    return _download(request, model, stream, ".safetensors", FORMATS["safetensors"])


def _branch(model: AnyModel, query: BranchQuery) -> dict[str, Tensor]:
    state = model.module.state_dict()
    return {entry.name: state[entry.name] for entry in selected(model.outline, query.only)}


def attachment(stream: Stream, media_type: str, filename: str) -> Response:
    """Send `stream` while it is produced, as a download with the name `filename`."""
    # Quotes or control characters would end the header early.
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in filename)
    headers = {"Content-Disposition": f'attachment; filename="{safe}"'}
    if stream.length is not None:
        headers["Content-Length"] = str(stream.length)
    return _StreamResponse(stream.chunks, media_type=media_type, headers=headers)


class _StreamResponse(StreamingResponse):
    """Reads each chunk in a thread, when the socket has room for it; then closes the stream.

    It closes the stream also if the client leaves: otherwise the generator would keep its pipe
    and thread until the garbage collector runs.
    """

    def __init__(self, chunks: Chunks, **options: Any) -> None:
        super().__init__(chunks, **options)
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if HEAD in scope:
                # HEAD has no body.
                start = {"status": self.status_code, "headers": self.raw_headers}
                await send({"type": "http.response.start", **start})
                await send({"type": "http.response.body"})
            else:
                await super().__call__(scope, receive, send)
        finally:
            self._chunks.close()


def _download(
    request: Request, model: AnyModel, stream: Stream, suffix: str, media_type: str
) -> Response:
    def make() -> Response:
        return attachment(stream, media_type, model.name + suffix)

    return unless_known(request, f"{model.state_sha256}{suffix}", make)
