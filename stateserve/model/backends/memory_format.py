"""The memory format of the weights of convolutions, which decides how fast they are.

Source: PyTorch's tutorial "Channels Last Memory Format".
"""

import torch
from torch import nn


def has_images(module: nn.Module) -> bool:
    """Whether the module has a parameter of four axes, as Conv2d has."""
    return any(parameter.dim() == 4 for parameter in module.parameters())


def set_memory_format(module: nn.Module, memory_format: torch.memory_format) -> None:
    """Copy the parameters of four axes into this format; their values stay."""
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=memory_format)
