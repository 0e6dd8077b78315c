"""A replica of a module over the same parameters, with hooks of its own."""

from copy import copy

import torch
from torch import nn

# The dicts of hooks, parameters and submodules that every module has.
_OWN = vars(nn.Module()).keys()


def replicate(module: nn.Module) -> nn.Module:
    """A module with the same attributes and parameters, submodule by submodule.

    Threads share a served module, so a hook on it would see the passes of all of them. A hook on
    the replica sees the replica's passes only. Parameters are not copied; buffers are, since a
    forward may write to them.
    """
    replicas: dict[nn.Module, nn.Module] = {}
    for original in module.modules():
        replica = replicas[original] = object.__new__(type(original))
        # Not by __setattr__, which a module of TorchScript or of a user defines.
        vars(replica).update(
            (name, copy(value) if name in _OWN else value) for name, value in vars(original).items()
        )
        for name, buffer in original._buffers.items():
            replica._buffers[name] = None if buffer is None else buffer.clone()
    for replica in replicas.values():
        for name, child in replica._modules.items():
            replica._modules[name] = None if child is None else replicas[child]
    return replicas[module]


def takes_hooks(module: nn.Module) -> bool:
    """Whether a forward hook can be registered: not on a module of TorchScript."""
    return not isinstance(module, torch.jit.ScriptModule)
