"""Maps every error to a gRPC status; app/api/problems.py does this for HTTP."""

from grpc import StatusCode

from app import errors
from stateserve import errors as library_errors

# Looked up along the error's MRO, so that a subclass has its parent's status by default.
STATUS: dict[type[library_errors.StateserveError], StatusCode] = {
    library_errors.StateserveError: StatusCode.INTERNAL,
    library_errors.CheckpointError: StatusCode.FAILED_PRECONDITION,
    library_errors.ForwardFailed: StatusCode.INVALID_ARGUMENT,
    errors.RequestError: StatusCode.INVALID_ARGUMENT,
    # gRPC itself uses this status for a message that is too long.
    errors.BodyTooLarge: StatusCode.RESOURCE_EXHAUSTED,
    errors.Unauthorized: StatusCode.UNAUTHENTICATED,
    errors.Forbidden: StatusCode.PERMISSION_DENIED,
    errors.RateExceeded: StatusCode.RESOURCE_EXHAUSTED,
    errors.ModelNotFound: StatusCode.NOT_FOUND,
    errors.VersionNotFound: StatusCode.NOT_FOUND,
    errors.NotProvided: StatusCode.UNIMPLEMENTED,
    errors.ModelUnavailable: StatusCode.UNAVAILABLE,
    errors.OutOfStep: StatusCode.UNAVAILABLE,
    errors.NotReady: StatusCode.UNAVAILABLE,
    # Nothing was done, and clients repeat a call after this status.
    errors.Overloaded: StatusCode.UNAVAILABLE,
    errors.DeadlineExceeded: StatusCode.DEADLINE_EXCEEDED,
}


def status_of(error: type[library_errors.StateserveError]) -> StatusCode:
    return next(STATUS[base] for base in error.__mro__ if base in STATUS)
