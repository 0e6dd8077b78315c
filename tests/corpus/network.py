"""The network whose states are in most files of the corpus, and ways to write them."""

import pickle
from functools import cache
from pathlib import Path
from types import FunctionType

import torch
from torch import nn

from tests.corpus.case import Write


class Net(nn.Module):
    """Parameters, buffers of floats and of integers, and a module without any."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU())
        self.head = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x))


torch.manual_seed(0)
NET = Net().eval()
STATE = NET.state_dict()
OTHER = Net().state_dict()


def stepped(kind: type[torch.optim.Optimizer], **options: object) -> torch.optim.Optimizer:
    net = Net()
    optimizer = kind(net.parameters(), **options)  # type: ignore[arg-type]
    net(torch.rand(5, 4)).sum().backward()
    optimizer.step()
    return optimizer


# Made when a file is written: the first step of an optimizer takes seconds of imports.
@cache
def adam() -> torch.optim.Optimizer:
    return stepped(torch.optim.AdamW)


@cache
def sgd() -> torch.optim.Optimizer:
    return stepped(torch.optim.SGD, lr=0.1, momentum=0.9)


def saved(content: object, *, archive: bool = True) -> Write:
    """Write the content, or that which a function makes."""

    def write(path: Path) -> None:
        made = content() if isinstance(content, FunctionType) else content
        torch.save(made, path, _use_new_zipfile_serialization=archive)

    return write


def pickled(content: object, protocol: int) -> Write:
    return lambda path: path.write_bytes(pickle.dumps(content, protocol))
