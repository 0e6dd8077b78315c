"""Every error of the tree has a status."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from grpc import StatusCode

from app import errors
from app.api.error_status import status_of as http_status_of
from app.grpc.errors import status_of
from stateserve.errors import ForwardFailed

CALLERS = {
    StatusCode.INVALID_ARGUMENT,
    StatusCode.NOT_FOUND,
    StatusCode.RESOURCE_EXHAUSTED,
    StatusCode.PERMISSION_DENIED,
    StatusCode.UNAUTHENTICATED,
}


def leaves(error: type[errors.StateserveError]) -> Iterator[type[errors.StateserveError]]:
    yield error
    for child in error.__subclasses__():
        yield from leaves(child)


@pytest.mark.parametrize("error", list(leaves(errors.RequestError)))
def test_a_request_error_is_the_callers(error: type[errors.StateserveError]) -> None:
    assert status_of(error) in CALLERS


def test_an_error_of_the_models_forward_has_the_callers_status_as_over_http() -> None:
    assert http_status_of(ForwardFailed) is HTTPStatus.UNPROCESSABLE_ENTITY
    assert status_of(ForwardFailed) is StatusCode.INVALID_ARGUMENT


def test_who_may_ask_again_is_told_so() -> None:
    for error in (errors.NotReady, errors.Overloaded, errors.ModelUnavailable):
        assert status_of(error) is StatusCode.UNAVAILABLE


def test_a_new_leaf_has_its_parents_status() -> None:
    class NewLeaf(errors.ModelNotFound):
        pass

    assert status_of(NewLeaf) is StatusCode.NOT_FOUND
