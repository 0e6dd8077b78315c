"""Training: this project's loop relative to the article's, with the same number of steps."""

import torch
from torch import nn

from benchmarks.ratio import Ratio, timed
from stateserve.model.architectures import Multiclass
from training.data import iris
from training.fit import Settings, fit, split_rows

EPOCHS = 30


def measure(rounds: int) -> list[Ratio]:
    torch.set_num_threads(1)
    _ours()
    _bare()
    pairs = [(timed(_ours), timed(_bare)) for _ in range(rounds)]
    ratios = [ours / bare for ours, bare in pairs]
    return [Ratio("training to the article's loop", ratios, "at most 1.2")]


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
