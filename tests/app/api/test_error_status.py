"""Every error of the tree has a status."""

from collections.abc import Iterator

import pytest

from app import errors
from app.api.error_status import STATUS, status_of


def leaves(error: type[errors.StateserveError]) -> Iterator[type[errors.StateserveError]]:
    yield error
    for child in error.__subclasses__():
        yield from leaves(child)


@pytest.mark.parametrize("error", list(leaves(errors.RequestError)))
def test_every_request_error_is_a_4xx_of_its_own(error: type[errors.RequestError]) -> None:
    assert error in STATUS or error is errors.MalformedBody
    assert 400 <= status_of(error) < 500


def test_a_new_leaf_has_its_parents_answer() -> None:
    class NewLeaf(errors.TensorNotFound):
        pass

    assert status_of(NewLeaf) == 404
