"""Networks of one hidden layer that are trained at the same time, each on its own rows."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.tables.ensemble.layers import Layers
from training.tables.ensemble.problem import Problem
from training.tables.loop import PASS_ROWS, Curves, OnStep, mean_loss, step
from training.tables.plan import Plan

# Without a better held-out loss in such a share of the epochs, training ends.
PATIENCE = 0.3


class Members(nn.Module):
    """All members' weights in one tensor each; the mean of their outputs is the answer.

    `linear` is the path around the hidden layer, from the inputs that are no parts of ranges.
    """

    def __init__(self, members: int, width: int, plain: int, units: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(width)
        self.hidden_weight = nn.Parameter(
            torch.empty(members, width, units).uniform_(-bound, bound)
        )
        self.hidden_bias = nn.Parameter(torch.empty(members, 1, units).uniform_(-bound, bound))
        self.output_weight = nn.Parameter(torch.zeros(members, units, outputs))
        self.linear = nn.Parameter(torch.zeros(members, plain, outputs))
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, inputs: Tensor, dropout: float) -> Tensor:
        """Map float32 (members, rows, width) to scores (members, rows, outputs)."""
        inner = torch.relu(torch.baddbmm(self.hidden_bias, inputs, self.hidden_weight))
        inner = functional.dropout(inner, dropout, self.training)
        around = torch.bmm(inputs[..., : self.linear.shape[1]], self.linear)
        return torch.baddbmm(self.bias, inner, self.output_weight) + around

    def scores(self, inputs: Tensor) -> Tensor:
        """The scores of the same rows (rows, width) by each member."""
        self.eval()
        count = len(self.bias)
        with torch.inference_mode():
            parts = [
                self(part.expand(count, *part.shape), 0.0)
                for part in torch.split(inputs, PASS_ROWS)
            ]
        return torch.cat(parts, dim=1)

    def mean(self) -> Layers:
        """The network whose output is the mean of the members' outputs."""
        with torch.no_grad():
            around = self.linear.mean(dim=0).T
            more = self.hidden_weight.shape[1] - around.shape[1]
            return Layers(
                self.hidden_weight.transpose(1, 2).flatten(0, 1),
                self.hidden_bias.flatten(),
                self.output_weight.flatten(0, 1).T / len(self.bias),
                functional.pad(around, (0, more)),
                self.bias.mean(dim=0)[0],
            )


@dataclass(frozen=True)
class Trained:
    """`scores` (rows, outputs) are by the members that have not seen the row."""

    layers: Layers
    scores: Tensor
    curves: Curves


def train_members(problem: Problem, plan: Plan, on_step: OnStep) -> Trained:
    """Train with AdamW; the state of the epoch with the least held-out loss is kept.

    Ctrl-C ends the training. Raises DataError if a loss is not finite.
    """
    inputs = problem.inputs if plan.parts else problem.inputs[:, : problem.plain]
    sizes = (inputs.shape[1], problem.plain, plan.hidden[0], problem.outputs)
    members = Members(len(problem.held_out), *sizes)
    optimizer = _optimizer(members, plan)
    own = [torch.nonzero(~mask)[:, 0] for mask in problem.held_out]
    # As many rows for each member: those left over are others in each epoch.
    count = min(map(len, own))
    curves, steps, done = Curves(), plan.epochs * math.ceil(count / plan.batch_size), 0
    best: tuple[dict[str, Tensor], Tensor]
    try:
        for epoch in range(1, plan.epochs + 1):
            members.train()
            losses = []
            order = torch.stack([rows[torch.randperm(len(rows))[:count]] for rows in own])
            for batch in torch.split(order, plan.batch_size, dim=1):
                loss = problem.losses(members(inputs[batch], plan.dropout), problem.targets[batch])
                # The sum over the members: each gets the gradient that it has alone.
                step(optimizer, plan, done / steps, loss.mean(dim=1).sum())
                losses.append(loss.detach().mean())
                done += 1
                on_step(1, f"epoch {epoch}")
            scores = problem.held_out_scores(members.scores(inputs), problem.held_out)
            curves.train.append(mean_loss(losses, epoch, plan))
            curves.validation.append(problem.loss(scores))
            if not curves.best_epoch or curves.validation[-1] <= min(curves.validation):
                curves.best_epoch = epoch
                best = {name: each.clone() for name, each in members.state_dict().items()}, scores
            elif epoch - curves.best_epoch > PATIENCE * plan.epochs:
                break
    except KeyboardInterrupt:
        if not curves.best_epoch:
            raise
        curves.interrupted = True
    members.load_state_dict(best[0])
    on_step(steps - done, "")
    return Trained(members.mean().widened(problem.inputs.shape[1]), best[1], curves)


def _optimizer(members: Members, plan: Plan) -> torch.optim.AdamW:
    weights = [members.hidden_weight, members.output_weight, members.linear]
    groups = [
        {"params": weights, "weight_decay": plan.weight_decay},
        {"params": [members.hidden_bias, members.bias], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.learning_rate, fused=True)
