"""Rows of token ids of different lengths in one pass: only if padding changes no output."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from app.predict.tensors.padding import Padding
from app.predict.tensors.pipeline import TensorPipeline
from app.predict.tensors.rows import TensorRows
from stateserve.model.arrays import to_array
from stateserve.model.signature import Input, Output
from stateserve.model.tensor_model import TensorModel
from tests.tensor_models import model_of


class Tagger(nn.Module):
    """Two scores for each token, and the mean over the tokens; `masked` leaves out id 0."""

    def __init__(self, masked: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 2)
        self.masked = masked
        self.shapes: list[list[int]] = []

    def forward(self, ids: Tensor) -> dict[str, Tensor]:
        self.shapes.append(list(ids.shape))
        each = self.embedding(ids)
        weights = (ids != 0).float() if self.masked else torch.ones_like(ids, dtype=torch.float32)
        mean = (each * weights[..., None]).sum(1) / weights.sum(1, keepdim=True)
        return {"tags": each.transpose(1, 2), "mean": mean}


def tagger(masked: bool = True, pad: int | None = 0, length: int = 6) -> TensorModel:
    torch.manual_seed(0)
    return model_of(
        Tagger(masked),
        [Input(name="ids", dtype="int64", shape=[-1, -1], tokens={"pad": pad})],
        [
            Output(name="tags", dtype="float32", shape=[-1, 2, -1]),
            Output(name="mean", dtype="float32", shape=[-1, 2]),
        ],
        {"ids": torch.randint(1, 20, (3, length))},
    )


async def tags_of(pipeline: TensorPipeline, lengths: list[int]) -> list[dict[str, np.ndarray]]:
    parts = [TensorRows([{"ids": np.arange(1, n + 1)[None]}]) for n in lengths]
    found = await asyncio.gather(*map(pipeline.predict, parts))
    return [{name: each.output(name) for name in ("tags", "mean")} for each in found]


class Masked(nn.Module):
    """The mean of an embedding over the tokens that `mask` keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 2)
        self.shapes: list[list[int]] = []

    def forward(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        self.shapes.append(list(ids.shape))
        kept = mask.float()[..., None]
        return {"mean": (self.embedding(ids) * kept).sum(1) / kept.sum(1)}


def masked(dtype: str, pads: dict[str, int]) -> TensorModel:
    torch.manual_seed(0)
    hints = {name: {"tokens": {"pad": pads[name]}} if name in pads else {} for name in DTYPES}
    return model_of(
        Masked(),
        [
            Input(name="ids", dtype="int64", shape=[-1, -1], **hints["ids"]),
            Input(name="mask", dtype=dtype, shape=[-1, -1], **hints["mask"]),
        ],
        [Output(name="mean", dtype="float32", shape=[-1, 2])],
        {
            "ids": torch.randint(1, 20, (3, 6)),
            "mask": torch.ones(3, 6, dtype=getattr(torch, dtype)),
        },
    )


DTYPES = {"ids": "int64", "mask": "bool"}


@pytest.mark.parametrize("dtype", ["int64", "bool", "float32", "uint8", "bfloat16"])
async def test_a_mask_is_padded_with_the_ids(dtype: str) -> None:
    model = masked(dtype, {"ids": 0, "mask": 0})
    pipeline = TensorPipeline(model)
    pipeline.warm_up()
    model.module.shapes.clear()
    ones = np.ones((1, 9), to_array(torch.zeros(0, dtype=getattr(torch, dtype))).dtype)
    lengths = [2, 7, 5]
    rows = [TensorRows([{"ids": np.arange(1, n + 1)[None], "mask": ones[:, :n]}]) for n in lengths]
    found = await asyncio.gather(*map(pipeline.predict, rows))
    assert model.module.shapes == [[3, 7]]
    for length, each in zip(lengths, found, strict=True):
        alone = model.module.embedding(torch.arange(1, length + 1)).mean(0, keepdim=True)
        np.testing.assert_allclose(each.output("mean"), alone.detach(), rtol=1e-5)


@pytest.mark.parametrize(
    ("pads", "level", "reason"),
    [
        ({"ids": 0}, "WARNING", "the card names no tokens.pad of mask"),
        ({}, "INFO", "the card names no tokens.pad of ids, mask"),
        ({"ids": 0, "mask": 1}, "WARNING", "output 'mean' of a padded row is off by up to"),
    ],
)
def test_the_log_says_why_rows_of_several_lengths_do_not_share_a_pass(
    pads: dict[str, int], level: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "app.predict")
    assert Padding.of(masked("bool", pads)) is None
    (record,) = caplog.records
    assert record.levelname == level
    expected = f"made: only rows of one shape share a pass: {reason}"
    assert record.getMessage().startswith(expected)


LENGTHS = st.lists(st.integers(1, 19), min_size=1, max_size=8)


@given(LENGTHS)
def test_padded_rows_have_the_outputs_that_they_have_alone(lengths: list[int]) -> None:
    model = tagger()
    pipeline = TensorPipeline(model)
    pipeline.warm_up()
    found = asyncio.run(tags_of(pipeline, lengths))
    for length, each in zip(lengths, found, strict=True):
        alone = model.module(torch.arange(1, length + 1)[None])
        for name, tensor in alone.items():
            np.testing.assert_allclose(each[name], tensor.detach(), atol=1e-6)


async def test_similar_lengths_share_a_pass() -> None:
    model = tagger()
    pipeline = TensorPipeline(model)
    pipeline.warm_up()
    model.module.shapes.clear()
    await tags_of(pipeline, [1, 8, 9, 12, 5, 13])
    assert model.module.shapes == [[3, 8], [2, 12], [1, 13]]


@pytest.mark.parametrize(
    "make",
    [
        lambda: tagger(masked=False),
        lambda: tagger(pad=None),
        lambda: tagger(length=1),
    ],
    ids=["the outputs change", "no padding in the card", "no golden row shows it"],
)
async def test_else_only_equal_lengths_share_a_pass(make: Callable[[], TensorModel]) -> None:
    model = make()
    assert Padding.of(model) is None
    pipeline = TensorPipeline(model)
    pipeline.warm_up()
    model.module.shapes.clear()
    await tags_of(pipeline, [2, 3, 2])
    assert model.module.shapes == [[2, 2], [1, 3]]
