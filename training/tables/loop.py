"""The training loop of Tabular: AdamW, a warm-up, and a cosine to zero."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from stateserve.model.architectures import Tabular
from training.tables.plan import Plan

WARM_UP = 0.1
# Without a better validation loss in so many epochs, training ends.
PATIENCE = 8
# Rows as the network sees them are kept, if they are not more numbers.
MOST_KEPT = 20_000_000
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
    module: Tabular,
    rows: Rows,
    held_out: Rows | None,
    plan: Plan,
    on_step: OnStep,
    weights: Tensor | None = None,
) -> Curves:
    """Train in place. With `held_out` rows, the state of the epoch with their least loss is kept,
    and Ctrl-C ends the training; without, Ctrl-C is raised."""
    curves = Curves()
    optimizer = _optimizer(module, plan)
    count = len(rows.targets)
    kept = count * module.columns.width <= MOST_KEPT
    with torch.no_grad():
        inputs = module.columns(rows.inputs) if kept else rows.inputs
    steps = plan.epochs * math.ceil(count / plan.batch_size)
    best: dict[str, Tensor] | None = None
    done = 0
    try:
        for epoch in range(1, plan.epochs + 1):
            module.train()
            losses = []
            for batch in torch.split(torch.randperm(count), plan.batch_size):
                rate = plan.learning_rate * _share(done / steps)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                given = inputs[batch] if kept else module.columns(inputs[batch])
                loss = loss_of(module, module.score(given), rows.targets[batch], weights)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                losses.append(loss.detach())
                done += 1
                on_step(1, f"epoch {epoch}")
            curves.train.append(float(torch.stack(losses).mean()))
            if held_out is None:
                continue
            scores = scores_of(module, held_out.inputs)
            curves.validation.append(float(loss_of(module, scores, held_out.targets, weights)))
            if curves.validation[-1] <= min(curves.validation):
                curves.best_epoch = epoch
                best = {name: each.clone() for name, each in module.state_dict().items()}
            elif epoch - curves.best_epoch >= PATIENCE:
                break
    except KeyboardInterrupt:
        if held_out is None:
            raise
        curves.interrupted = True
    if best is not None:
        module.load_state_dict(best)
    on_step(steps - done, "")
    module.eval()
    return curves


def _optimizer(module: Tabular, plan: Plan) -> torch.optim.AdamW:
    decayed = [each for each in module.parameters() if each.dim() > 1]
    others = [each for each in module.parameters() if each.dim() < 2]
    groups = [
        {"params": decayed, "weight_decay": plan.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.learning_rate, fused=True)


def _share(done: float) -> float:
    """The share of the learning rate at this part of the training, from 0 to 1."""
    return min(1.0, (done + 1e-3) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * done))


def loss_of(
    module: Tabular, scores: Tensor, targets: Tensor, weights: Tensor | None = None
) -> Tensor:
    """The mean cross-entropy of classes, or the mean squared error of scaled values."""
    if module.classes is None:
        return functional.mse_loss(scores[:, 0], targets)
    return functional.cross_entropy(scores, targets, weight=weights)


def scores_of(module: Tabular, inputs: Tensor) -> Tensor:
    """The scores of all rows, in evaluation mode."""
    module.eval()
    with torch.inference_mode():
        return torch.cat([module.score(module.columns(p)) for p in torch.split(inputs, PASS_ROWS)])


def initial(module: Tabular) -> Tabular:
    """The module with an answer that depends on no column yet."""
    nn.init.zeros_(module.output.weight)
    nn.init.zeros_(module.linear.weight)
    return module
