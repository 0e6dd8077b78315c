"""The paths of the Open Inference Protocol, and the status codes of its errors."""

from http import HTTPStatus

PREFIX = "/v2"
# The protocol has one status for invalid requests, and one for unsupported formats.
STATUS = {
    HTTPStatus.UNPROCESSABLE_ENTITY: HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.NOT_IMPLEMENTED,
}


def is_open_inference(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/")
