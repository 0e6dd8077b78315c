"""Modules that misbehave: each caller has an answer, and the next request works."""

import asyncio
import threading
from collections.abc import Callable

import httpx
import pytest
import torch
from torch import Tensor, nn

from app.predict.tensors.batching import MAX_ROWS
from stateserve.errors import CardMismatch
from stateserve.model.signature import Input, Output
from stateserve.model.tensor_model import TensorModel
from tests.tensor_models import model_of, open_models

BAD = 13.0
INPUT = Input(name="x", dtype="float32", shape=[-1, 2])
OUTPUT = Output(name="output", dtype="float32", shape=[-1, 2])


class Odd(nn.Module):
    """Computes `forward` of a tensor and of the number of calls before."""

    def __init__(self, forward: Callable[[Tensor, int], object]) -> None:
        super().__init__()
        self.register_buffer("ones", torch.ones(1, 2))
        self._forward = forward
        self.calls = 0
        self.lock = threading.Lock()

    def forward(self, x: Tensor) -> object:
        # Not reentrant: calls at the same time would not end.
        with self.lock:
            self.calls += 1
            return self._forward(x, self.calls)


def odd(forward: Callable[[Tensor, int], object]) -> TensorModel:
    # The golden row is of the right shape, whatever the module returns later.
    model = model_of(nn.Identity(), [INPUT], [OUTPUT], {"x": torch.zeros(1, 2)})
    return TensorModel(Odd(forward), model.card, "made")


async def test_another_answer_than_at_loading_ends_the_start() -> None:
    # As a device that computes wrongly would.
    model = model_of(nn.Identity(), [INPUT], [OUTPUT], {"x": torch.ones(1, 2)})
    wrong = TensorModel(Odd(lambda x, _call: x + 1), model.card, "made", golden=model.golden)
    with pytest.raises(CardMismatch, match="'output' of 1 rows is off by up to 1"):
        async with open_models(wrong):
            pass


async def ask(client: httpx.AsyncClient, *values: float) -> list[httpx.Response]:
    answers = [client.post("/predict", json=[value, 0.0]) for value in values]
    return await asyncio.gather(*answers)


def raise_if_bad(error: BaseException) -> Callable[[Tensor, int], Tensor]:
    def forward(x: Tensor, _call: int) -> Tensor:
        if (x == BAD).any():
            raise error
        return x + 1

    return forward


class Unspeakable(BaseException):
    """An error that has no text."""

    def __str__(self) -> str:
        raise self


class Shapeless(Tensor):
    """As a nested tensor of torch, whose layout is strided."""

    @property
    def shape(self) -> torch.Size:  # type: ignore[override]
        raise RuntimeError("no sizes")


def needs_memory(x: Tensor, _call: int) -> Tensor:
    return x + 1 + (torch.empty(2**50)[0] if (x == BAD).any() else 0)


def sometimes_wrong(returned: object) -> Callable[[Tensor, int], object]:
    return lambda x, _call: returned if (x == BAD).any() else x + 1


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (raise_if_bad(ValueError("not 13")), "ValueError: not 13"),
        (raise_if_bad(SystemExit(3)), "SystemExit: 3"),
        (raise_if_bad(KeyboardInterrupt()), "KeyboardInterrupt"),
        (raise_if_bad(GeneratorExit()), "GeneratorExit"),
        (raise_if_bad(MemoryError()), "MemoryError"),
        (raise_if_bad(Unspeakable()), "raised Unspeakable"),
        (raise_if_bad(ValueError("\u202e")), r"ValueError: \u202e"),
        (needs_memory, "RuntimeError"),
        (sometimes_wrong(torch.zeros(1, 3)), "[1, 3]"),
        (sometimes_wrong(torch.zeros(7, 2)), "[7, 2]"),
        (sometimes_wrong(torch.zeros(1, 2, dtype=torch.int64)), "int64"),
        (sometimes_wrong(None), "NoneType"),
        (sometimes_wrong(torch.zeros(1, 2).as_subclass(Shapeless)), "output has no shape"),
        (sometimes_wrong({"other": torch.zeros(1, 2)}), "output"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_failure_reaches_its_own_caller(
    forward: Callable[[Tensor, int], object], reason: str
) -> None:
    async with open_models(odd(forward)) as client:
        answers = await ask(client, 1, 2, BAD, 4, 5)
        assert [each.status_code for each in answers] == [200, 200, 422, 200, 200]
        assert reason in answers[2].json()["detail"]
        (again,) = await ask(client, 6)
    assert again.json()["outputs"] == {"output": [7, 1]}


def writes_to_its_input(x: Tensor, _call: int) -> Tensor:
    return x.add_(1)


def not_contiguous(x: Tensor, _call: int) -> Tensor:
    return (x + 1).t().contiguous().t()


def expanded(x: Tensor, _call: int) -> Tensor:
    return (x[:, :1] + 1).expand(-1, 2) - torch.tensor([0.0, 1.0]) * x[:, :1]


@pytest.mark.parametrize("forward", [writes_to_its_input, not_contiguous, expanded])
async def test_any_tensor_that_torch_makes_is_answered(
    forward: Callable[[Tensor, int], Tensor],
) -> None:
    async with open_models(odd(forward)) as client:
        for _ in range(2):
            answers = await ask(client, 1, 2, 3)
            found = [each.json()["outputs"]["output"] for each in answers]
            assert found == [[2, 1], [3, 1], [4, 1]]


async def test_answers_do_not_change_with_what_a_module_keeps() -> None:
    kept = torch.zeros(MAX_ROWS, 2)

    def forward(x: Tensor, _call: int) -> Tensor:
        return kept[: len(x)].copy_(x)

    values = [[value, 0] for value in range(3 * MAX_ROWS)]
    async with open_models(odd(forward)) as client:
        answer = await client.post("/predict", json={"instances": values})
    found = [each["outputs"]["output"] for each in answer.json()["predictions"]]
    assert found == values


async def test_a_module_that_fails_at_each_second_call_answers_in_between() -> None:
    def forward(x: Tensor, call: int) -> Tensor:
        if call % 2:
            raise RuntimeError("again, please")
        return x + 1

    async with open_models(odd(forward)) as client:
        statuses = [(await ask(client, 1))[0].status_code for _ in range(6)]
    assert set(statuses) == {200, 422}


async def test_a_module_that_fails_when_it_is_measured_is_served() -> None:
    def forward(x: Tensor, call: int) -> Tensor:
        if call < 4:
            raise RuntimeError("not yet")
        return x + 1

    async with open_models(odd(forward)) as client:
        assert [each.status_code for each in await ask(client, 1, 2)] == [200, 200]


async def test_the_outputs_of_one_request_are_limited() -> None:
    limits = {"max_body_bytes": 1024, "max_large_requests": 1}
    async with open_models(odd(lambda x, _call: x + 1), **limits) as client:
        few, many = [
            await client.post("/predict", json={"instances": [[1, 2]] * count})
            for count in (128, 129)
        ]
    assert (few.status_code, many.status_code) == (200, 413)
    assert "the outputs take more than 1024 bytes" in many.json()["detail"]
