"""Export a module as a program of torch.export, with a dynamic batch axis."""

import io
import warnings
from collections.abc import Mapping

import torch
from torch import nn

from stateserve.checkpoint import Array
from stateserve.errors import CodeFailed
from stateserve.model.module_call import export_arguments
from stateserve.model.signature import Signature
from stateserve.temporary_folder import require_temporary_folder


def export_program(module: nn.Module, signature: Signature, rows: Mapping[str, Array]) -> bytes:
    """The .pt2 archive of `module`, exported on `rows`. Raises CodeFailed, or
    NoTemporaryFolder."""
    require_temporary_folder("torch.export")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            args, kwargs, dynamic = export_arguments(module, signature, rows)
            program = torch.export.export(module, args, kwargs, dynamic_shapes=dynamic)
            content = io.BytesIO()
            torch.export.save(program, content)
    except (Exception, SystemExit) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = "".join(lines[:1])
        raise CodeFailed(
            f"torch.export: {type(error).__name__}: {reason:.300}; pack its class instead"
        ) from None
    return content.getvalue()
