"""Programs of torch.export (.pt2), read as modules; no code of the file is run.

Accepts a fixed list of entries, operators, expressions and structures, and refuses all else with a
CheckpointError that names its place. Knows no model card and no server.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from stateserve.model.architectures.exported_program.leaf import TensorSpec as TensorSpec
    from stateserve.model.architectures.exported_program.module import (
        ProgramModule as ProgramModule,
    )
    from stateserve.model.architectures.exported_program.program import read_program as read_program

__getattr__ = lazy_exports(
    __name__, {"module": ("ProgramModule",), "program": ("read_program",), "leaf": ("TensorSpec",)}
)
