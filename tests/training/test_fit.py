"""The training loop: reproducible, and equal to plain PyTorch."""

import numpy as np
import pytest
import torch

from tests.project import IRIS
from tests.states import read_tensors
from training.data import Dataset, iris
from training.errors import DataError
from training.fit import Settings, fit, split_rows


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_the_committed_model_is_what_the_default_seed_trains() -> None:
    fitted = fit(iris(), Settings())
    committed = read_tensors(IRIS)
    assert committed.keys() == fitted.module.state_dict().keys()
    for name, tensor in fitted.module.state_dict().items():
        # Not exactly: another CPU's kernels may sum in another order.
        torch.testing.assert_close(tensor, committed[name], rtol=1e-4, atol=1e-5)


def test_a_seed_decides_every_bit() -> None:
    states = [fit(iris(), Settings(seed=7, epochs=3)).module.state_dict() for _ in range(2)]
    other = fit(iris(), Settings(seed=8, epochs=3)).module.state_dict()
    for name in states[0]:
        assert torch.equal(states[0][name], states[1][name])
        assert not torch.equal(states[0][name], other[name])


def test_the_loop_is_plain_adam_over_the_shuffled_training_rows() -> None:
    """The same epoch written out with PyTorch alone gives the same weights."""
    settings = Settings(seed=3, epochs=1)
    fitted = fit(iris(), settings)
    split = split_rows(iris(), settings)
    assert (len(split.train_rows), len(split.test_rows)) == (105, 45)
    torch.manual_seed(3)
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3), torch.nn.LogSoftmax(dim=1)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    for rows in torch.randperm(105).split(5):
        optimizer.zero_grad()
        torch.nn.functional.nll_loss(
            model(split.train_rows[rows]), split.train_labels[rows]
        ).backward()
        optimizer.step()
    for ours, plain in zip(fitted.module.parameters(), model.parameters(), strict=True):
        assert torch.equal(ours, plain)


def test_batch_norm_learns_the_scales_of_the_inputs() -> None:
    mixed = iris()
    mixed.features[:, 0] *= 1000
    fitted = fit(mixed, Settings(epochs=20, batch_norm=True, batch_size=26))
    running_mean = fitted.module.state_dict()["norm.running_mean"]
    means = fitted.split.train_rows.mean(dim=0)
    torch.testing.assert_close(running_mean, means, rtol=0.05, atol=0.05)
    # 105 rows in batches of 26 leave one row over, which BatchNorm could not take alone.
    assert fitted.module.state_dict()["norm.num_batches_tracked"] == 20 * 4


def test_more_classes_than_test_rows_are_refused() -> None:
    labels = np.repeat(np.arange(6), 2)
    names = [str(label) for label in range(6)]
    features = np.zeros((12, 1), np.float32)
    few = Dataset("few", "few.csv", features, labels, ["x"], [None], names)
    with pytest.raises(DataError, match=r"few\.csv: The test_size = 2 .* number of classes = 6"):
        split_rows(few, Settings(test_size=0.1))
