"""Answers errors as RFC 9457 problem details, and under /v2 as the Open Inference Protocol does."""

import json
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic_core import ErrorDetails
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from app import errors
from app.api.declared_path import declared_path
from app.api.error_status import headers_of, status_of
from app.api.open_inference import STATUS as OPEN_STATUS
from app.api.open_inference import is_open_inference
from app.api.other_servers import request_here
from stateserve import errors as library_errors
from stateserve.field_faults import fault_reason
from stateserve.text import MOST_SHOWN, did_you_mean

logger = logging.getLogger("app.access")
PROBLEM_TYPE = "application/problem+json"
# The type of a fault of pydantic: a parameter that the operation does not have.
UNKNOWN = "extra_forbidden"
SURROGATE = re.compile("[\ud800-\udfff]")
# A query may have thousands of invalid parameters; the answer names the first.
MOST_FAULTS = 16


class _Problem(JSONResponse):
    media_type = PROBLEM_TYPE

    def render(self, content: object) -> bytes:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        # Many readers of JSON refuse half of a surrogate pair: it becomes the text of its escape.
        return SURROGATE.sub(lambda found: rf"\\u{ord(found[0]):x}", text).encode()


def problem(
    status: int, detail: str, headers: dict[str, str] | None = None, **members: object
) -> JSONResponse:
    """An `application/problem+json` answer; `members` extend it as RFC 9457 allows."""
    content = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return _Problem(content | members, status, headers)


def error_answer(
    path: str, status: int, detail: str, headers: dict[str, str] | None = None, **members: object
) -> JSONResponse:
    """The answer to an error at `path`, in the format of its protocol."""
    if not is_open_inference(path):
        return problem(status, detail, headers, **members)
    status = OPEN_STATUS.get(HTTPStatus(status), HTTPStatus(status))
    text = detail.encode(errors="backslashreplace").decode()
    return JSONResponse({"error": text}, status, headers)


def served_path(scope: Scope) -> str:
    """The path without the prefix (`root_path`) under which a server mounts the application."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def service_error(path: str, error: library_errors.StateserveError) -> JSONResponse:
    """The answer to an expected error."""
    members: dict[str, object] = {}
    if isinstance(error, errors.InvalidInstances):
        members["errors"] = [
            {"pointer": fault.pointer, "detail": fault.detail} for fault in error.faults
        ]
    if isinstance(error, errors.MalformedBody) and error.offset is not None:
        members["offset"] = error.offset
    status = status_of(type(error))
    return error_answer(path, status, str(error), headers_of(error), **members)


async def _service_error(request: Request, error: library_errors.StateserveError) -> JSONResponse:
    return service_error(served_path(request.scope), error)


def unexpected_error(path: str, error: Exception, request_id: str) -> JSONResponse:
    """The answer to an unexpected error, whose details are only in the log."""
    if errors.NoThread.causes(error):
        return service_error(path, errors.NoThread())
    logger.error("unexpected error", exc_info=error, extra={"request_id": request_id})
    detail = f"an unexpected error; it is in the log under request id {request_id}"
    return error_answer(path, HTTPStatus.INTERNAL_SERVER_ERROR, detail)


async def _unexpected_error(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, ClientDisconnect):
        # No client is there for an answer; the access log records why.
        raise error
    return unexpected_error(served_path(request.scope), error, request.scope["request_id"].decode())


async def _validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
    found = error.errors()[:MOST_FAULTS]
    known: list[str] = []
    if any(fault["type"] == UNKNOWN for fault in found):
        # In a thread: the document may have to be written first, which takes tenths of a second.
        known = await run_in_threadpool(_query_parameters, request)
    # An operation and what it depends on may take the same parameters.
    named = dict.fromkeys(
        (str(each["loc"][-1])[:MOST_SHOWN], _reason(each, known)) for each in found
    )
    faults = [{"parameter": name, "detail": reason} for name, reason in named]
    detail = ": ".join(next(iter(named)))
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return error_answer(served_path(request.scope), status, detail, errors=faults)


def _query_parameters(request: Request) -> list[str]:
    """The names that the operation of the request takes."""
    paths = request.app.openapi().get("paths", {})
    operation = paths.get(declared_path(request.scope), {}).get(request.method.lower(), {})
    return [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]


def _reason(fault: ErrorDetails, known: list[str]) -> str:
    """What is wrong with a parameter; of one that does not exist, the nearest of the `known`."""
    if fault["type"] != UNKNOWN:
        return fault_reason(fault)
    near = did_you_mean(str(fault["loc"][-1]), known)
    listed = f"; known: {', '.join(map(repr, known)) or 'none'}"
    return f"no such parameter{near or listed}"


async def _http_error(request: Request, error: HTTPException) -> Response:
    method, path = request.method, request.url.path
    headers = dict(error.headers or {})
    if "allow" in map(str.lower, headers):
        headers = {"Allow": _allowed(headers)}
    if method == "OPTIONS" and (headers or request.scope["path"] == "*"):
        # HAProxy's default health check sends OPTIONS.
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
    here = request_here(method, served_path(request.scope))
    details = {
        HTTPStatus.NOT_FOUND: f"nothing is served at {path}{here and f'; {here}'}",
        HTTPStatus.METHOD_NOT_ALLOWED: (
            f"{method} is not allowed at {path}; {here or _send(headers)}"
        ),
    }
    detail = details.get(HTTPStatus(error.status_code), str(error.detail))
    return error_answer(served_path(request.scope), error.status_code, detail, headers)


def _send(headers: Mapping[str, str]) -> str:
    """The methods that a person may have meant."""
    allowed = headers.get("Allow", "").split(", ")
    return f"send {' or '.join(each for each in allowed if each not in ('HEAD', 'OPTIONS'))}"


def _allowed(headers: Mapping[str, str]) -> str:
    """The methods of a path: its routes name neither OPTIONS, nor HEAD, which goes with GET."""
    named = {name.strip() for value in headers.values() for name in value.split(",")}
    return ", ".join(sorted(named | {"OPTIONS"} | ({"HEAD"} if "GET" in named else set())))


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(library_errors.StateserveError, _service_error)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _validation_error)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _http_error)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, _unexpected_error)
