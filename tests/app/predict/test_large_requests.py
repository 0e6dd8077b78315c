"""The memory of all requests is bounded, and many requests of a usual size are not refused."""

import asyncio
import io
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from app.errors import DeadlineExceeded, Overloaded
from app.predict.deadline import Deadline
from app.predict.large_requests import MOST_THREADS, LargeRequests
from stateserve.model.signature import Input, Output
from stateserve.model.tensor_model import TensorModel
from tests.process import HANG_SECONDS, wait_until
from tests.tensor_models import model_of, open_models

NPY = {"content-type": "application/x-npy"}
NPZ = {"content-type": "application/x-npz"}


class Mean(nn.Module):
    """Means of rows of any length, when it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()

    def forward(self, x: Tensor) -> Tensor:
        self.begun.set()
        assert self.may_end.wait(HANG_SECONDS)
        return x.mean(1)


def means() -> TensorModel:
    given = Input(name="x", dtype="float32", shape=[-1, -1])
    output = Output(name="output", dtype="float32", shape=[-1], kind="values")
    return model_of(Mean(), [given], [output], {"x": torch.zeros(1, 4)})


def npy(value: float, length: int) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.full((1, length), value, np.float32))
    return stream.getvalue()


async def test_memory_is_held_until_a_request_ends() -> None:
    large = LargeRequests(2, asyncio.to_thread, most_bytes=100)
    with large.hold() as first:
        first.add(60)
        with large.hold() as second:
            second.add(40)
            with pytest.raises(Overloaded, match="hold 60 bytes"):
                second.add(1)
        with large.hold() as third:
            third.add(40)
    with large.hold() as alone:
        alone.add(1000)
        alone.add(1000)
    assert large.held_bytes == 0


async def test_few_threads_compete_with_the_event_loop_and_the_others_wait() -> None:
    large = LargeRequests(8, asyncio.to_thread)
    begun, may_end = threading.Semaphore(0), threading.Event()
    running: list[int] = []
    counts: list[int] = []

    def work() -> None:
        running.append(1)
        counts.append(len(running))
        begun.release()
        assert may_end.wait(HANG_SECONDS)
        running.pop()

    waiting = [asyncio.create_task(large.run(work)) for _ in range(8)]
    for _ in range(MOST_THREADS):
        assert await asyncio.to_thread(begun.acquire, timeout=HANG_SECONDS)
    with pytest.raises(Overloaded, match="8 large requests are in work"):
        await large.run(work)
    may_end.set()
    await asyncio.gather(*waiting)
    assert (len(counts), max(counts), large.running) == (8, MOST_THREADS, 0)


async def test_a_late_caller_leaves_and_its_turn_ends_with_its_thread() -> None:
    large = LargeRequests(MOST_THREADS + 1, asyncio.to_thread)
    begun, may_end = threading.Semaphore(0), threading.Event()

    def work() -> None:
        begun.release()
        assert may_end.wait(HANG_SECONDS)

    # The deadline begins once they work, so that none has passed before.
    late = [asyncio.create_task(large.run(work)) for _ in range(MOST_THREADS)]
    for _ in range(MOST_THREADS):
        assert await asyncio.to_thread(begun.acquire, timeout=HANG_SECONDS)
    for each in late:
        with pytest.raises(DeadlineExceeded):
            await Deadline(0.01).wait(each)
    # No turn is free, and who waits for one may leave, too.
    with pytest.raises(DeadlineExceeded):
        await Deadline(0.01).wait(large.run(work))
    assert large.running == MOST_THREADS
    may_end.set()
    await large.run(work)
    await asyncio.to_thread(wait_until, lambda: large.running == 0)


def compressed(value: float, length: int) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, x=np.full((1, length), value, np.float32))
    return stream.getvalue()


@pytest.mark.parametrize(("write", "kind"), [(npy, NPY), (compressed, NPZ)], ids=["npy", "npz"])
async def test_a_body_that_has_no_room_is_refused_and_later_taken(
    write: Callable[[float, int], bytes], kind: dict[str, str]
) -> None:
    model, body = means(), write(3, 20_000)
    limits = {"max_body_bytes": 100_000, "max_large_requests": 1}
    async with open_models(model, **limits) as client:
        model.module.may_end.clear()
        model.module.begun.clear()
        first = asyncio.create_task(client.post("/predict", content=body, headers=kind))
        assert await asyncio.to_thread(model.module.begun.wait, HANG_SECONDS)
        refused = await client.post("/predict", content=body, headers=kind)
        model.module.may_end.set()
        answers = [await first, await client.post("/predict", content=body, headers=kind)]
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert [each.status_code for each in answers] == [200, 200]


async def test_many_bodies_of_some_hundred_kilobytes_are_taken_at_once() -> None:
    async with open_models(means()) as client:
        bodies = [npy(value, 150_000) for value in range(32)]
        answers = await asyncio.gather(
            *(client.post("/predict", content=body, headers=NPY) for body in bodies)
        )
    found = [float(np.load(io.BytesIO(each.content))[0]) for each in answers]
    assert found == list(range(32))
