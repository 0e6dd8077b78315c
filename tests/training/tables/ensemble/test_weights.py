"""The weights of candidates, against an exact solution."""

import numpy as np
import torch
from scipy.optimize import nnls

from training.tables.ensemble.problem import Problem
from training.tables.ensemble.weights import LEAST_SHARE, weigh


def test_the_weights_of_nearly_equal_candidates_have_the_least_loss_with_the_pull() -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        rows, count = int(random.integers(30, 900)), 5
        truth = random.normal(size=rows)
        noise = random.normal(size=(rows, count)) * random.uniform(0.01, 0.4, count)
        scores = (random.uniform(0.6, 1.0, count) * (truth[:, None] + noise)).astype(np.float32)
        targets = torch.from_numpy(truth).float()
        nothing, groups = torch.zeros(0, 0, dtype=torch.bool), np.arange(rows)
        problem = Problem(targets[:, None], 1, targets, None, None, nothing, groups)
        found = np.array(weigh(problem, [*torch.from_numpy(scores.T[..., None].copy())]))
        # Least squares with a row of its own for the pull on each weight.
        used = np.ones(count, bool)
        for _ in range(2):
            equal = np.full(used.sum(), 1 / used.sum())
            rows_of_pull = np.vstack([scores[:, used], np.eye(len(equal))])
            best, _ = nnls(rows_of_pull, np.append(targets.numpy(), equal))
            wanted = np.zeros(count)
            wanted[used] = best
            used = wanted >= LEAST_SHARE * wanted.sum()
        np.testing.assert_allclose(found, wanted, atol=1e-3)
