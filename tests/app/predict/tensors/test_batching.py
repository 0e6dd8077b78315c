"""Which rows of which requests share a forward pass of a module."""

import asyncio
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from app.errors import DeadlineExceeded, Overloaded
from app.predict.tensors.batching import MAX_ROWS
from app.predict.tensors.pipeline import TensorPipeline
from app.predict.tensors.prediction import TensorPrediction
from app.predict.tensors.rows import TensorRows
from stateserve.errors import ForwardFailed
from stateserve.model.signature import Input, Output
from tests.process import HANG_SECONDS
from tests.tensor_models import model_of


class Watched(nn.Module):
    """Doubles rows of any length. After `hold`, each pass waits for `release`."""

    def __init__(self) -> None:
        super().__init__()
        self.passes: list[list[int]] = []
        self.rows: list[float] = []
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()
        self.bad: Callable[[Tensor], bool] = lambda x: False

    def forward(self, x: Tensor) -> Tensor:
        self.passes.append(list(x.shape))
        self.rows += x[:, 0].tolist()
        self.begun.set()
        assert self.may_end.wait(HANG_SECONDS)
        if self.bad(x):
            raise ValueError("a bad row")
        return 2 * x


class Fixture:
    """A pipeline whose passes are expected to take `seconds` for each row of one number."""

    def __init__(self, seconds: float = 0.0, fixed: float = 1.0, max_pending: int = 4096) -> None:
        self.module = Watched()
        model = model_of(
            self.module,
            [Input(name="x", dtype="float32", shape=[-1, -1])],
            [Output(name="output", dtype="float32", shape=[-1, -1], kind="values")],
            {"x": torch.zeros(1, 1)},
        )
        self.pipeline = TensorPipeline(model, max_pending=max_pending)
        self.pipeline.warm_up()
        cost = self.pipeline._forward.cost
        cost.__init__()
        for rows in (1, 1000):
            cost.learn(4 * rows, fixed + seconds * rows)
        # What the fake module really takes says nothing.
        cost.learn = lambda *_: None
        self.module.passes.clear()
        self.module.rows.clear()

    async def hold(self) -> "asyncio.Future[TensorPrediction]":
        """A first pass, which waits in the thread."""
        self.module.may_end.clear()
        self.module.begun.clear()
        first = self.ask(-1)
        assert await asyncio.to_thread(self.module.begun.wait, HANG_SECONDS)
        return first

    def ask(self, *values: float, length: int = 1) -> "asyncio.Future[TensorPrediction]":
        return asyncio.ensure_future(self.pipeline.predict(rows_of(*values, length=length)))

    async def ask_all(self, rows: TensorRows) -> np.ndarray:
        kept: list[TensorPrediction] = []
        await self.pipeline.predict_all(rows, kept.append)
        return np.concatenate([each.output("output") for each in kept])


def rows_of(*values: float, length: int = 1) -> TensorRows:
    return TensorRows([{"x": np.repeat(np.array(values, np.float32)[:, None], length, 1)}])


async def test_waiting_rows_of_one_shape_share_a_pass() -> None:
    made = Fixture()
    first = await made.hold()
    futures = [made.ask(*range(count), length=length) for count, length in ((1, 1), (2, 3), (3, 1))]
    await asyncio.sleep(0)
    made.module.may_end.set()
    for future, (count, length) in zip(futures, ((1, 1), (2, 3), (3, 1)), strict=True):
        expected = 2 * np.repeat(np.arange(count, dtype=np.float32)[:, None], length, 1)
        np.testing.assert_array_equal((await future).output("output"), expected)
    await first
    assert made.module.passes == [[1, 1], [4, 1], [2, 3]]


async def test_a_pass_takes_about_as_long_as_it_may() -> None:
    made = Fixture(seconds=0.02, fixed=0.0)
    first = await made.hold()
    futures = [made.ask(value) for value in range(12)]
    await asyncio.sleep(0)
    made.module.may_end.set()
    await asyncio.gather(first, *futures)
    assert made.module.passes == [[1, 1], [5, 1], [5, 1], [2, 1]]


async def test_a_model_of_slow_rows_runs_row_by_row() -> None:
    made = Fixture(seconds=0.3, fixed=0.0)
    found = await made.ask_all(rows_of(1, 2, 3))
    assert found.ravel().tolist() == [2, 4, 6]
    assert made.module.passes == [[1, 1]] * 3


async def test_slow_passes_whose_rows_cost_nothing_are_shared() -> None:
    made = Fixture(seconds=0.0, fixed=0.3)
    first = await made.hold()
    futures = [made.ask(value) for value in range(20)]
    await asyncio.sleep(0)
    made.module.may_end.set()
    await asyncio.gather(first, *futures)
    assert made.module.passes == [[1, 1], [20, 1]]


async def test_a_fast_pass_runs_on_the_loop_and_a_slow_batch_in_the_thread() -> None:
    made = Fixture(seconds=0.0004, fixed=0.0)
    home, seen = threading.get_ident(), []
    made.module.register_forward_pre_hook(lambda *_: seen.append(threading.get_ident() == home))
    await made.ask(1)
    await asyncio.gather(*(made.ask(value) for value in range(8)))
    # The first of a tick does not wait for the others, since the one before was alone.
    assert made.module.passes == [[1, 1], [1, 1], [7, 1]]
    assert seen == [True, True, False]


async def test_a_request_of_many_rows_gives_others_their_turn() -> None:
    made = Fixture(seconds=0.001, fixed=0.0)
    many = asyncio.ensure_future(made.ask_all(rows_of(*range(1000, 1000 + 3 * MAX_ROWS))))
    assert await asyncio.to_thread(made.module.begun.wait, HANG_SECONDS)
    await made.ask(7)
    found = await many
    assert found.ravel().tolist() == [2 * value for value in range(1000, 1000 + 3 * MAX_ROWS)]
    # Its neighbours are parts of the large request.
    assert made.module.rows.index(7) < len(made.module.rows) - MAX_ROWS
    assert max(rows for rows, _ in made.module.passes) <= 101


@pytest.mark.parametrize("seconds", [1.0, 0.0], ids=["in the thread", "on the loop"])
async def test_one_bad_row_fails_alone(seconds: float) -> None:
    made = Fixture(fixed=seconds)
    made.module.bad = lambda x: bool((x == 13).any())
    futures = [made.ask(value) for value in range(32)]
    found = await asyncio.gather(*futures, return_exceptions=True)
    assert [isinstance(each, ForwardFailed) for each in found] == [
        value == 13 for value in range(32)
    ]
    # Halves and not each row alone.
    assert len(made.module.passes) <= 12
    np.testing.assert_array_equal((await made.ask(5)).output("output"), [[10]])


async def test_a_row_whose_output_is_not_finite_fails_alone() -> None:
    made = Fixture()
    futures = [made.ask(1, 2), made.ask(3, np.inf, 4), made.ask(5)]
    found = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(each).__name__ for each in found] == [
        "TensorPrediction",
        "InvalidInstances",
        "TensorPrediction",
    ]
    assert found[1].faults[0].pointer == "/instances/1"


async def test_a_late_bad_row_of_many_is_named_by_its_position_in_the_request() -> None:
    made = Fixture(seconds=0.01, fixed=0.0)
    with pytest.raises(Exception, match="/instances/17"):
        await made.ask_all(rows_of(*range(17), np.nan, 1))


async def test_requests_that_are_late_or_left_are_not_computed() -> None:
    made = Fixture(seconds=0.0, fixed=1.0)
    first = await made.hold()
    now = time.monotonic()
    # The pass is expected to take a second.
    deadlines = [now, now + 1000, now + 1, None, now + 1000]
    futures = [
        made.pipeline._batcher.submit((rows_of(value), 0.0, None), deadline)
        for value, deadline in enumerate(deadlines)
    ]
    futures[3].cancel()
    made.module.may_end.set()
    found = await asyncio.gather(first, *futures, return_exceptions=True)
    kinds = [DeadlineExceeded, TensorPrediction, DeadlineExceeded, asyncio.CancelledError]
    assert [type(each) for each in found[1:]] == [*kinds, TensorPrediction]
    assert made.module.rows == [-1, 1, 4]


async def test_a_full_queue_refuses_before_any_work() -> None:
    made = Fixture(max_pending=2)
    first = await made.hold()
    futures = [made.ask(value, length=value + 1) for value in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await made.ask(3)
    made.module.may_end.set()
    await asyncio.gather(first, *futures)


async def test_rows_of_a_rare_shape_do_not_wait_for_all_others() -> None:
    made = Fixture(seconds=0.05, fixed=0.0)
    first = await made.hold()
    usual = [made.ask(value) for value in range(10)]
    rare = made.ask(100, length=2)
    await asyncio.sleep(0)
    made.module.may_end.set()
    await asyncio.gather(first, rare, *usual)
    assert made.module.rows.index(100) <= 3
