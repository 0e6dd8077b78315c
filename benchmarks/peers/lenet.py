"""LeNet as every peer serves it: one picture in, ten log-probabilities out.

Its weights are random: they cost as much as trained ones, and are equal in every environment.
Some peers install no NumPy.
"""

import shutil
import sys
from array import array
from collections.abc import Sequence

import torch
from torch import Tensor

from benchmarks.tensors import networks

SHAPE = (1, 28, 28)
PICTURE: Tensor = torch.rand(1, *SHAPE, generator=torch.Generator().manual_seed(0))


def make() -> networks.LeNet:
    torch.manual_seed(0)
    return networks.LeNet().eval()


class Classifier:
    """Bodies of one picture each, raw float32, to raw float32 log-probabilities."""

    def __init__(self) -> None:
        # As every server's documentation advises for one core: more threads are slower.
        torch.set_num_threads(1)
        self.module = make()

    def __call__(self, bodies: Sequence[bytes]) -> list[bytes]:
        pictures = torch.frombuffer(bytearray(b"".join(bodies)), dtype=torch.float32)
        with torch.inference_mode():
            found = self.module(pictures.reshape(-1, *SHAPE))
        return [array("f", row).tobytes() for row in found.tolist()]


def pack(folder: str) -> None:
    """Write the model as this service loads it, without and with its ONNX graph."""
    from stateserve import save_model

    # A copy: of the packages in the folder of this project, none is code of a model.
    code = shutil.copy(networks.__file__, folder)
    for name, onnx in (("lenet", False), ("lenet_onnx", True)):
        save_model(make(), PICTURE, f"{folder}/{name}/1", code=f"{code}:LeNet", onnx=onnx)


if __name__ == "__main__":
    pack(sys.argv[1])
