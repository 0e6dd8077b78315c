"""What all networks of an ensemble are trained on."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from sklearn.model_selection import KFold, StratifiedKFold
from torch import Tensor
from torch.nn import functional

PARTS = 5


@dataclass(frozen=True)
class Problem:
    """The training rows as the networks see them, and which of them each member leaves out.

    `inputs` float32 (rows, width), the first `plain` of which are no parts of ranges. `targets`
    int64 (rows,) classes, or float32 (rows,) scaled values. `class_weights` float32 (classes,) or
    None. `held_out` bool (members, rows). `groups` int64 (rows,) number the rows, copies alike;
    they are no copies, but rows of one person or thing, if `grouped`.
    """

    inputs: Tensor
    plain: int
    targets: Tensor
    classes: int | None
    class_weights: Tensor | None
    held_out: Tensor
    groups: np.ndarray
    grouped: bool = False

    @cached_property
    def outputs(self) -> int:
        return self.classes or 1

    def losses(self, scores: Tensor, targets: Tensor) -> Tensor:
        """The loss of each row (...,), for scores (..., outputs) and targets (...,)."""
        if self.classes is None:
            return (scores[..., 0] - targets) ** 2
        weights = None if self.class_weights is None else self.class_weights.to(scores.dtype)
        flat = functional.cross_entropy(
            scores.flatten(0, -2), targets.flatten(), weights, reduction="none"
        )
        return flat.view(targets.shape)

    def loss(self, scores: Tensor) -> float:
        """The mean loss of scores (rows, outputs)."""
        return float(self.losses(scores, self.targets).mean())

    def held_out_scores(self, scores: Tensor, held_out: Tensor) -> Tensor:
        """The mean score (rows, outputs) of each row by the members that have not seen it, from
        scores (members, rows, outputs)."""
        seen = held_out[..., None].to(scores.dtype)
        return (scores * seen).sum(dim=0) / seen.sum(dim=0).clamp(min=1)


def hold_out(
    targets: np.ndarray, classify: bool, members: int, seed: int, groups: np.ndarray
) -> Tensor:
    """bool (members, rows): of each PARTS members, exactly one leaves a group of rows out."""
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    targets = targets[first]
    count = min(PARTS, len(targets))
    masks = []
    for repeat in range(max(1, members // PARTS)):
        chooser = KFold(count, shuffle=True, random_state=seed + repeat)
        if classify and np.bincount(targets).min() >= count:
            chooser = StratifiedKFold(count, shuffle=True, random_state=seed + repeat)
        for _, out in chooser.split(targets, targets):
            mask = np.zeros(len(targets), np.bool_)
            mask[out] = True
            masks.append(mask[group])
    return torch.from_numpy(np.stack(masks))
