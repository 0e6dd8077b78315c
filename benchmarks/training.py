"""Training: this project's loops relative to plain ones, with the same number of steps."""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.ratio import Ratio, timed
from stateserve.model import Feature
from stateserve.model.architectures import Multiclass, Tabular
from training.data import iris
from training.fit import Settings, fit, split_rows
from training.tables import Options, Plan, Rows, make_columns, plans, train

EPOCHS = 30
LARGE_ROWS, COLUMNS, HELD_OUT, CLASSES = 40_960, 20, 4096, 3


def measure(rounds: int) -> list[Ratio]:
    torch.set_num_threads(1)
    _ours()
    _bare()
    pairs = [(timed(_ours), timed(_bare)) for _ in range(rounds)]
    ratios = [ours / bare for ours, bare in pairs]
    large = Large()
    processor = [_processor_time(large.ours) / _processor_time(large.plain) for _ in range(rounds)]
    return [
        Ratio("training to the article's loop", ratios, "at most 1.2"),
        Ratio("training on a large table to a plain loop", processor, "at most 1.2"),
    ]


def _ours() -> None:
    fit(iris(), Settings(epochs=EPOCHS))


def _bare() -> None:
    """The article's loop without its nine empty batches: slices, and no shuffle."""
    settings = Settings()
    split = split_rows(iris(), settings)
    model, loss_fn = Multiclass(), nn.NLLLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    batch_size = settings.batch_size
    for _ in range(EPOCHS):
        for start in range(0, len(split.train_rows), batch_size):
            rows = split.train_rows[start : start + batch_size]
            labels = split.train_labels[start : start + batch_size]
            loss = loss_fn(model(rows), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


class Large:
    """One epoch of the network for a large table, on one thread."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.numbers = random.normal(size=(LARGE_ROWS, COLUMNS)).astype(np.float32)
        self.rows = Rows(
            torch.from_numpy(self.numbers),
            torch.from_numpy(random.integers(0, CLASSES, LARGE_ROWS)),
        )
        self.held_out = self.rows.take(torch.arange(HELD_OUT))

    def _make(self) -> tuple[Tabular, Plan]:
        features = [Feature(name=f"x{place}") for place in range(COLUMNS)]
        (plan,) = plans(LARGE_ROWS, Options(epochs=1))
        columns = make_columns(self.numbers[:10_000], features, parts=plan.parts)
        return Tabular(columns, plan.hidden, CLASSES, dropout=plan.dropout), plan

    def ours(self) -> Callable[[], object]:
        module, plan = self._make()
        return lambda: train(module, self.rows, self.held_out, plan, lambda *_: None)

    def plain(self) -> Callable[[], object]:
        module, plan = self._make()
        optimizer = torch.optim.AdamW(module.parameters(), lr=plan.learning_rate)

        def loop() -> None:
            for batch in torch.split(torch.randperm(LARGE_ROWS), plan.batch_size):
                loss = functional.nll_loss(
                    module(self.rows.inputs[batch]),
                    self.rows.targets[batch],
                )
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()

        return loop


def _processor_time(make: Callable[[], Callable[[], object]]) -> float:
    """The processor seconds of what `make` makes; other work counts less than in wall time."""
    call = make()
    start = time.process_time()
    call()
    return time.process_time() - start
