"""The files that are packed with a class of a package."""

from pathlib import Path

import numpy as np
import torch

from benchmarks.tensors.networks import LeNet
from stateserve import LoadOptions, load_model, save_model
from stateserve.model import TensorModel


def test_a_package_in_the_folder_of_this_project_is_code_of_a_model(tmp_path: Path) -> None:
    module, x = LeNet(), torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    path = save_model(module, x, tmp_path / "lenet" / "1")
    assert (path.parent / "benchmarks" / "tensors" / "networks.py").is_file()
    model = load_model(path, options=LoadOptions(allow_code=True))
    assert isinstance(model, TensorModel)
    with torch.inference_mode():
        expected = module.eval()(x).numpy()
    found = model.run({"image": x.numpy().copy()})["output"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
