"""Export a module as a program of torch.export, with a dynamic batch axis."""

import inspect
import io
import warnings
from collections.abc import Mapping

import torch
from torch import nn

from stateserve.checkpoint import Array
from stateserve.errors import CodeFailed
from stateserve.model.arrays import to_tensor
from stateserve.model.fields import ANY
from stateserve.model.module_call import takes_by_name
from stateserve.model.signature import Signature
from stateserve.temporary_folder import require_temporary_folder


def export_program(module: nn.Module, signature: Signature, rows: Mapping[str, Array]) -> bytes:
    """The .pt2 archive of `module`, exported on `rows`. Raises CodeFailed, or
    NoTemporaryFolder."""
    require_temporary_folder("torch.export")
    names = [each.name for each in signature.inputs]
    tensors = {name: to_tensor(rows[name].copy()) for name in names}
    dynamic = {
        each.name: {axis: torch.export.Dim.DYNAMIC for axis, n in enumerate(each.shape) if n == ANY}
        for each in signature.inputs
    }
    by_name = takes_by_name(module, names)
    args, kwargs = ((), tensors) if by_name else (tuple(tensors.values()), {})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # By parameter of forward: all of `*args` are one.
            bound = inspect.signature(module.forward).bind(
                *([] if by_name else dynamic.values()), **(dynamic if by_name else {})
            )
            program = torch.export.export(
                module, args, kwargs, dynamic_shapes=dict(bound.arguments)
            )
            content = io.BytesIO()
            torch.export.save(program, content)
    except (Exception, SystemExit) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = "".join(lines[:1])
        raise CodeFailed(
            f"torch.export: {type(error).__name__}: {reason:.300}; pack its class instead"
        ) from None
    return content.getvalue()
