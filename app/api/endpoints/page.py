"""GET /: a page to try the model. Its assets are files in app/page."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from app.api.dependencies import ServiceDep
from app.api.negotiation import unless_known

router = APIRouter(include_in_schema=False)
FOLDER = Path(__file__).parents[2] / "page"

# Scripts, styles and requests only of this origin, nothing inline, no text parsed as HTML, and
# no embedding in a frame.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# Not from the module mimetypes, whose results depend on the machine.
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    content: bytes
    media_type: str
    etag: str


@cache
def assets() -> dict[str, Asset]:
    """Each asset by its path in the folder, read once: no request path reaches the disk."""
    return dict(_read_assets())


def _read_assets() -> Iterator[tuple[str, Asset]]:
    for path in sorted(FOLDER.rglob("*")):
        if media_type := MEDIA_TYPES.get(path.suffix):
            content = path.read_bytes()
            etag = hashlib.sha256(content).hexdigest()
            yield path.relative_to(FOLDER).as_posix(), Asset(content, media_type, etag)


@router.get("/")
async def read_page(request: Request) -> Response:
    return _answer(request, "index.html")


@router.get("/page/service.json")
async def read_service(service: ServiceDep) -> dict[str, bool]:
    """The panels to show, so that the page sends no request for the others."""
    return {"prediction_log": service.log is not None}


@router.get("/page/{path:path}")
async def read_asset(request: Request, path: str) -> Response:
    return _answer(request, path)


def _answer(request: Request, path: str) -> Response:
    asset = assets().get(path)
    if asset is None:
        raise HTTPException(404)
    return unless_known(
        request,
        asset.etag,
        lambda: Response(asset.content, headers=HEADERS, media_type=asset.media_type),
    )
