"""The memory format of convolutions: chosen by what the module takes, without another answer."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stateserve.checkpoint import state_sha256
from stateserve.model.backends.backend import BackendChoice
from stateserve.model.loading.load import load_model
from stateserve.model.loading.options import LoadOptions
from stateserve.model.tensor_model import TensorModel

ROWS = torch.rand(5, 2, 8, 8, generator=torch.Generator().manual_seed(0))
CHANNELS_LAST = "eager, channels_last"


class Reshapes(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 4))


class Views(Reshapes):
    def forward(self, input: Tensor) -> Tensor:
        found = self[1](self[0](input))
        return self[3](found.view(len(found), -1))


def load(folder: Path, name: str, choice: BackendChoice) -> TensorModel:
    torch.manual_seed(0)
    state = folder / "state.pth"
    torch.save(Reshapes().state_dict(), state)
    options = LoadOptions(code=f"{__file__}:{name}", example=ROWS[:3], backend=choice)
    model = load_model(state, options=options)
    assert isinstance(model, TensorModel)
    return model


@pytest.mark.parametrize(
    ("name", "choice", "backend"),
    [
        ("Reshapes", BackendChoice(), CHANNELS_LAST),
        ("Reshapes", BackendChoice("eager"), "eager"),
        # `view` refuses this memory format, so the weights keep theirs.
        ("Views", BackendChoice(), "eager"),
    ],
)
def test_a_module_runs_in_the_format_that_it_takes_and_that_is_said(
    tmp_path: Path, name: str, choice: BackendChoice, backend: str
) -> None:
    model = load(tmp_path, name, choice)
    assert model.backend_name == backend
    weight = model.module.get_parameter("0.weight")
    channels_last = weight.is_contiguous(memory_format=torch.channels_last)
    assert channels_last == (backend == CHANNELS_LAST)
    plain = load(tmp_path, name, BackendChoice("eager")).module
    for count in (1, 2, 5):
        found = model.run({"input": ROWS[:count].numpy().copy()})["output"]
        with torch.inference_mode():
            expected = plain(ROWS[:count]).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_state_is_the_same_in_any_format(tmp_path: Path) -> None:
    model = load(tmp_path, "Reshapes", BackendChoice())
    state = torch.load(tmp_path / "state.pth", weights_only=True)
    assert state_sha256(model.module.state_dict()) == model.state_sha256 == state_sha256(state)
    for name, array in model.arrays.items():
        assert array.flags.c_contiguous
        np.testing.assert_array_equal(array, state[name].numpy())
