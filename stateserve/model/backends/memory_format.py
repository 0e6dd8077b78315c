"""The memory format of the weights of convolutions, which decides how fast they are.

Source: PyTorch's tutorial "Channels Last Memory Format".
"""

from collections.abc import Callable

import torch
from torch import nn

from stateserve.errors import CardMismatch


def keeps_channels_last(module: nn.Module, require_golden_outputs: Callable[[], None]) -> bool:
    """Copy the parameters of four axes, as Conv2d has, into the format channels_last.

    Returns whether they keep it: they do if there are any, and the module still has its golden
    outputs. A module that calls `view` where only `reshape` takes this format has not.
    """
    images = [parameter for parameter in module.parameters() if parameter.dim() == 4]
    if not images:
        return False
    _copy(images, torch.channels_last)
    try:
        require_golden_outputs()
    except CardMismatch:
        _copy(images, torch.contiguous_format)
        return False
    return True


def _copy(parameters: list[nn.Parameter], memory_format: torch.memory_format) -> None:
    for parameter in parameters:
        parameter.data = parameter.data.contiguous(memory_format=memory_format)
