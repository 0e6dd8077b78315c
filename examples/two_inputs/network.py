"""The network: a table of items and a table of users, and a context that shifts the score."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Scored(NamedTuple):
    """`score` float32 (rows,); `user` float32 (rows, 8), the user's embedding."""

    score: Tensor
    user: Tensor


class Recommender(nn.Module):
    """Scores an item for a user: `ids` int64 (rows, 2), user and item; `context` (rows, 3)."""

    def __init__(self, users: int, items: int) -> None:
        super().__init__()
        self.users = nn.Embedding(users, 8)
        self.items = nn.Embedding(items, 8)
        self.context = nn.Linear(3, 1)

    def forward(self, ids: Tensor, context: Tensor) -> Scored:
        user, item = self.users(ids[:, 0]), self.items(ids[:, 1])
        score = (user * item).sum(1) + self.context(context).squeeze(1)
        return Scored(torch.sigmoid(score), user)
