"""The HTTP status and headers of each error; only this module maps errors to them."""

from http import HTTPStatus

from app import errors
from stateserve import errors as library_errors

CLOSE = {"Connection": "close"}

# Looked up along the error's MRO, so that a subclass has its parent's status by default.
STATUS: dict[type[library_errors.StateserveError], HTTPStatus] = {
    library_errors.StateserveError: HTTPStatus.INTERNAL_SERVER_ERROR,
    # The request to load a file is valid; the file is not.
    library_errors.CheckpointError: HTTPStatus.CONFLICT,
    errors.RequestError: HTTPStatus.BAD_REQUEST,
    errors.InvalidInstances: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidFeedback: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedContent: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.CompressedBody: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.InvalidQuery: HTTPStatus.UNPROCESSABLE_ENTITY,
    library_errors.InvalidSlice: HTTPStatus.UNPROCESSABLE_ENTITY,
    library_errors.InvalidNames: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidInference: HTTPStatus.BAD_REQUEST,
    errors.InvalidTensor: HTTPStatus.BAD_REQUEST,
    errors.InvalidTimeout: HTTPStatus.BAD_REQUEST,
    errors.TensorNotFound: HTTPStatus.NOT_FOUND,
    errors.PredictionNotFound: HTTPStatus.NOT_FOUND,
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.UnknownKey: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.RateExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    errors.UntrustedHost: HTTPStatus.MISDIRECTED_REQUEST,
    errors.ModelNotFound: HTTPStatus.NOT_FOUND,
    errors.VersionNotFound: HTTPStatus.NOT_FOUND,
    library_errors.ForwardFailed: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    errors.NotProvided: HTTPStatus.NOT_IMPLEMENTED,
    errors.ModelUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.OutOfStep: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.LogUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.NotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
}

# A connection whose body was not read to its end cannot carry another request.
HEADERS: dict[type[library_errors.StateserveError], dict[str, str]] = {
    errors.BodyTooLarge: CLOSE,
    errors.CompressedBody: {"Accept-Encoding": "identity"},
    errors.NotReady: CLOSE | {"Retry-After": "1"},
    errors.Overloaded: {"Retry-After": "1"},
    errors.LogUnavailable: {"Retry-After": "5"},
    errors.Unauthorized: {"WWW-Authenticate": "Bearer"},
    errors.UnknownKey: {"WWW-Authenticate": 'Bearer error="invalid_token"'},
    errors.Forbidden: {"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
}


def status_of(error: type[library_errors.StateserveError]) -> HTTPStatus:
    return next(STATUS[base] for base in error.__mro__ if base in STATUS)


def headers_of(error: library_errors.StateserveError) -> dict[str, str] | None:
    if isinstance(error, errors.RateExceeded):
        return _rate_headers(error)
    return next((HEADERS[base] for base in type(error).__mro__ if base in HEADERS), None)


def _rate_headers(error: errors.RateExceeded) -> dict[str, str]:
    """Headers of draft-ietf-httpapi-ratelimit-headers-10."""
    return {
        "Retry-After": str(error.seconds),
        "RateLimit-Policy": f'"key";q={error.limit};w={error.period}',
        "RateLimit": f'"key";r=0;t={error.seconds}',
    }
