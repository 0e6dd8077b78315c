"""The training loop of Tabular: AdamW, a warm-up, and a cosine to zero."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from stateserve.model.architectures import TableModule, Tabular
from training.errors import DataError
from training.tables.plan import Plan

WARM_UP = 0.1
# Without a better validation loss in so many epochs, training ends.
PATIENCE = 8
# Rows are encoded once for all epochs if they take so many bytes at most.
MOST_ENCODED = 2**28
# Rows of one pass without gradients.
PASS_ROWS = 16_384
OnStep = Callable[[int, str], None]


@dataclass
class Curves:
    """The mean loss of each epoch, on the training rows and on the validation rows."""

    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best_epoch: int = 0
    interrupted: bool = False


@dataclass(frozen=True)
class Rows:
    """`inputs` float32 (rows, columns), and `targets`: int64 classes or scaled float32 values."""

    inputs: Tensor
    targets: Tensor

    def take(self, places: Tensor) -> "Rows":
        return Rows(self.inputs[places], self.targets[places])


def train(
    module: TableModule,
    rows: Rows,
    held_out: Rows,
    plan: Plan,
    on_step: OnStep,
    weights: Tensor | None = None,
) -> Curves:
    """Train in place. The state of the epoch with the least loss of the `held_out` rows is kept;
    Ctrl-C ends the training."""
    curves = Curves()
    count = len(rows.targets)
    steps = plan.epochs * math.ceil(count / plan.batch_size)
    best: dict[str, Tensor] | None = None
    done = 0
    epoch = _Epoch(module, rows, plan, steps, weights)
    try:
        for number in range(1, plan.epochs + 1):
            losses = []
            for loss in epoch.steps(done):
                losses.append(loss)
                done += 1
                on_step(1, f"epoch {number}")
            curves.train.append(mean_loss(losses, number, plan))
            scores = scores_of(module, held_out.inputs)
            curves.validation.append(float(loss_of(module, scores, held_out.targets, weights)))
            if curves.validation[-1] <= min(curves.validation):
                curves.best_epoch = number
                best = {name: each.clone() for name, each in module.state_dict().items()}
            elif number - curves.best_epoch >= PATIENCE:
                break
    except KeyboardInterrupt:
        curves.interrupted = True
    if best is not None:
        module.load_state_dict(best)
    on_step(steps - done, "")
    module.eval()
    return curves


class _Epoch:
    """The steps of an epoch of `module`, of all `total` steps of the training."""

    def __init__(
        self, module: TableModule, rows: Rows, plan: Plan, total: int, weights: Tensor | None
    ) -> None:
        self._module, self._plan, self._total, self._weights = module, plan, total, weights
        self._optimizer = _optimizer(module, plan)
        self._rows = rows
        self._encoded = len(rows.targets) * module.columns.width * 4 <= MOST_ENCODED
        if self._encoded:
            parts = map(module.columns, torch.split(rows.inputs, PASS_ROWS))
            self._rows = Rows(torch.cat([*parts]), rows.targets)

    def steps(self, done: int) -> Iterator[Tensor]:
        """Take each step, after those `done`; yields its loss."""
        self._module.train()
        for batch in _batches(len(self._rows.targets), self._plan.batch_size):
            rows = self._rows.take(batch)
            inputs = rows.inputs if self._encoded else self._module.columns(rows.inputs)
            loss = loss_of(self._module, self._module.score(inputs), rows.targets, self._weights)
            step(self._optimizer, self._plan, done / self._total, loss)
            done += 1
            yield loss.detach()


def step(optimizer: torch.optim.Optimizer, plan: Plan, done: float, loss: Tensor) -> None:
    """Move the weights against the gradient of `loss`, after the share `done` of the training."""
    for group in optimizer.param_groups:
        group["lr"] = plan.learning_rate * _share_of_rate(done)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def _batches(count: int, size: int) -> list[Tensor]:
    """Places of rows in random order. A last batch of one row, which BatchNorm cannot take, joins
    the one before it."""
    batches = list(torch.split(torch.randperm(count), size))
    if size > 1 and len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def mean_loss(losses: list[Tensor], epoch: int, plan: Plan) -> float:
    """The mean loss of an epoch. Raises DataError if it is not finite."""
    found = float(torch.stack(losses).mean())
    if not math.isfinite(found):
        raise DataError(
            f"the loss of epoch {epoch} is {found}: a smaller --learning-rate than "
            f"{plan.learning_rate:g} may help"
        )
    return found


def _optimizer(module: TableModule, plan: Plan) -> torch.optim.AdamW:
    decayed = [each for each in module.parameters() if each.dim() > 1]
    others = [each for each in module.parameters() if each.dim() < 2]
    groups = [
        {"params": decayed, "weight_decay": plan.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.learning_rate, fused=True)


def _share_of_rate(done: float) -> float:
    """The share of the learning rate at this part of the training, from 0 to 1."""
    return min(1.0, (done + 1e-3) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * done))


def loss_of(
    module: TableModule, scores: Tensor, targets: Tensor, weights: Tensor | None = None
) -> Tensor:
    """The mean cross-entropy of classes, or the mean squared error of scaled values."""
    if module.is_classifier:
        return functional.cross_entropy(scores, targets, weight=weights)
    return functional.mse_loss(scores[:, 0], targets)


def scores_of(module: TableModule, inputs: Tensor) -> Tensor:
    """The scores of all rows, in evaluation mode."""
    module.eval()
    with torch.inference_mode():
        return torch.cat([module.score(module.columns(p)) for p in torch.split(inputs, PASS_ROWS)])


def initial(module: Tabular) -> Tabular:
    """The module with an answer that depends on no column yet."""
    nn.init.zeros_(module.output.weight)
    nn.init.zeros_(module.linear.weight)
    return module
