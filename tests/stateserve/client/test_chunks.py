"""Many rows in several requests: each once, in order, at most as many as the service takes."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from stateserve.client.chunks import CHUNK_BYTES, in_chunks
from stateserve.client.retries import Exchange
from stateserve.errors import Fault, Problem

URL = "http://test/predict"


def drive(total: int, most: int, wrong: int, row_bytes: int) -> tuple[list[range], Problem | None]:
    """The chunks that a service answers which takes `most` rows and refuses the row `wrong`."""
    answered: list[range] = []
    done: list[int] = []

    def send(rows: slice) -> Exchange[range]:
        if rows.stop - rows.start > most:
            raise Problem(URL, 413, "too many", [], None)
        if rows.start <= wrong < rows.stop:
            place = f"/instances/{wrong - rows.start}/x"
            raise Problem(URL, 422, f"{place}: wrong", [Fault(place, "wrong")], "id", "hint")
        answered.append(range(rows.start, rows.stop))
        return answered[-1]
        yield

    try:
        with suppress(StopIteration):
            next(in_chunks(total, row_bytes, send, lambda rows, _: done.append(rows)))
    except Problem as problem:
        return answered, problem
    assert done == [chunk.stop for chunk in answered]
    return answered, None


@given(
    st.integers(0, 500),
    st.integers(1, 600),
    st.integers(0, 1000),
    st.sampled_from([1, 2**16, 2**23]),
)
def test_each_row_is_sent_once(total: int, most: int, wrong: int, row_bytes: int) -> None:
    chunks, problem = drive(total, most, wrong, row_bytes)
    rows = [row for chunk in chunks for row in chunk]
    assert rows == list(range(len(rows)))
    assert all(len(chunk) <= max(1, CHUNK_BYTES // row_bytes) for chunk in chunks)
    if wrong < total:
        assert problem is not None
        assert str(problem) == f"{URL}: 422: /instances/{wrong}/x: wrong; hint"
        assert problem.errors == [Fault(f"/instances/{wrong}/x", "wrong")]
    else:
        assert problem is None
        assert len(rows) == total
