"""GET /docs and /openapi.json: Swagger UI and the OpenAPI document.

The page's URLs are relative, so that it works behind a proxy's path prefix. FastAPI's own page
loads its scripts from a CDN; here they are files of fastapi-offline.
"""

import hashlib
from functools import cache
from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, HTTPException, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, Response

from app.api.negotiation import unless_known
from app.predict import JSON

router = APIRouter(include_in_schema=False)
FOLDER = Path(fastapi_offline.__file__).parent / "static"
MEDIA_TYPES = {
    "favicon.png": "image/png",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
}


@router.get("/docs")
async def read_docs(request: Request) -> HTMLResponse:
    return get_swagger_ui_html(
        title=request.app.title,
        openapi_url="openapi.json",
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="docs/favicon.png",
    )


@router.get("/docs/{name}")
def read_docs_asset(request: Request, name: str) -> Response:
    if name not in MEDIA_TYPES:
        raise HTTPException(404)
    content, etag = _asset(name)
    return unless_known(request, etag, lambda: Response(content, media_type=MEDIA_TYPES[name]))


# In a thread: a new document, as for another default model, takes tenths of a second.
@router.get("/openapi.json")
def read_openapi(request: Request) -> Response:
    content, etag = request.app.state.document.encoded()
    return unless_known(request, etag, lambda: Response(content, media_type=JSON))


@cache
def _asset(name: str) -> tuple[bytes, str]:
    content = (FOLDER / name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()
