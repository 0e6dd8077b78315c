"""GET /: a page to try the model. Its assets are made from the files in app/page."""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from app.api.assets import assets
from app.api.dependencies import ServiceDep
from app.api.negotiation import accepts_gzip, unless_known

router = APIRouter(include_in_schema=False)

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
FOREVER = "public, max-age=31536000, immutable"


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
    zipped = accepts_gzip(request)

    def make() -> Response:
        content = asset.compressed if zipped else asset.content
        coding = {"Content-Encoding": "gzip"} if zipped else {}
        return Response(content, headers=HEADERS | coding, media_type=asset.media_type)

    response = unless_known(request, asset.etag + ("-gzip" if zipped else ""), make)
    response.headers["Vary"] = "Accept-Encoding"
    if asset.immutable:
        response.headers["Cache-Control"] = FOREVER
    return response
