"""The training loop: NLLLoss and Adam over shuffled mini-batches."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from stateserve.model.architectures import Multiclass
from training.data import Dataset
from training.errors import DataError


@dataclass(frozen=True)
class Settings:
    """The settings of a training run. The defaults are the article's."""

    seed: int = 42
    epochs: int = 100
    batch_size: int = 5
    learning_rate: float = 0.001
    hidden: int = 8
    test_size: float = 0.3
    batch_norm: bool = False


@dataclass(frozen=True)
class Split:
    """Rows as float32 (rows, n_features) and labels as int64 (rows,)."""

    train_rows: Tensor
    train_labels: Tensor
    test_rows: Tensor
    test_labels: Tensor


@dataclass(frozen=True)
class Fitted:
    """The module in evaluation mode, and the mean loss of each epoch, both (epochs,)."""

    module: Multiclass
    split: Split
    train_losses: NDArray[np.float32]
    test_losses: NDArray[np.float32]


def split_rows(dataset: Dataset, settings: Settings) -> Split:
    """Split stratified by class, so that every class is in both parts. Raises DataError."""
    try:
        parts = train_test_split(
            torch.tensor(dataset.features),
            torch.tensor(dataset.labels),
            test_size=settings.test_size,
            random_state=settings.seed,
            stratify=dataset.labels,
        )
    except ValueError as error:
        raise DataError(f"{dataset.source}: {error}") from None
    train_rows, test_rows, train_labels, test_labels = parts
    return Split(train_rows, train_labels, test_rows, test_labels)


def fit(
    dataset: Dataset, settings: Settings, on_epoch: Callable[[int, float], None] | None = None
) -> Fitted:
    """Train one module; `on_epoch` gets each epoch's number, from 1, and its mean loss.

    On one machine with one thread, the seed determines every bit of the result.
    """
    return fit_split(split_rows(dataset, settings), len(dataset.classes), settings, on_epoch)


def fit_split(
    split: Split,
    n_classes: int,
    settings: Settings,
    on_epoch: Callable[[int, float], None] | None = None,
) -> Fitted:
    """Train one module on rows that are already split."""
    torch.manual_seed(settings.seed)
    n_features = split.train_rows.shape[1]
    module = Multiclass(n_features, settings.hidden, n_classes, batch_norm=settings.batch_norm)
    loss_function = nn.NLLLoss()
    optimizer = torch.optim.Adam(module.parameters(), lr=settings.learning_rate)
    train_losses, test_losses = [], []
    for epoch in range(1, settings.epochs + 1):
        losses = []
        for rows, labels in _batches(split, settings):
            loss = loss_function(module(rows), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append((loss.detach(), len(rows)))
        total = sum(float(loss) * count for loss, count in losses)
        train_losses.append(total / len(split.train_rows))
        test_losses.append(_test_loss(module, split, loss_function))
        if on_epoch:
            on_epoch(epoch, train_losses[-1])
    curves = (np.array(losses, dtype=np.float32) for losses in (train_losses, test_losses))
    return Fitted(module.eval(), split, *curves)


def _batches(split: Split, settings: Settings) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of one epoch: rows and labels, shuffled once and then sliced."""
    count = len(split.train_rows)
    order = torch.randperm(count)
    full, rest = divmod(count, settings.batch_size)
    sizes = [settings.batch_size] * full + [rest] * (rest > 0)
    # BatchNorm needs two rows for a variance, so a single last row joins the batch before it.
    if settings.batch_norm and rest == 1 and full:
        sizes[-2:] = [settings.batch_size + 1]
    rows, labels = (torch.split(t[order], sizes) for t in (split.train_rows, split.train_labels))
    return zip(rows, labels, strict=True)


def _test_loss(module: Multiclass, split: Split, loss_function: nn.NLLLoss) -> float:
    module.eval()
    with torch.inference_mode():
        loss = loss_function(module(split.test_rows), split.test_labels)
    module.train()
    return float(loss)
