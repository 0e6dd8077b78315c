"""Archives of torch.export for tests: exported, taken apart, and put together again."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

FOLDER = "archive/"
PROGRAM = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
CONSTANTS = "data/constants/model_constants_config.json"


def exported(
    module: nn.Module,
    *args: Any,
    kwargs: dict[str, Any] | None = None,
    dynamic_shapes: Any = None,
    decomposed: bool = False,
) -> bytes:
    """The archive of a module, in evaluation mode, exported with these inputs."""
    program = torch.export.export(module.eval(), args, kwargs, dynamic_shapes=dynamic_shapes)
    return archive(program.run_decompositions() if decomposed else program)


def archive(program: torch.export.ExportedProgram) -> bytes:
    content = io.BytesIO()
    torch.export.save(program, content)
    return content.getvalue()


class Small(nn.Module):
    """A parameter, a buffer, a transient buffer, a constant, and a call in place."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("scale", torch.full((3,), 2.0), persistent=False)
        self.shift = torch.tensor([1.0, 2.0, 3.0])

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu_(self.norm(self.layer(x)))
        return (y * self.scale + self.shift).reshape(x.shape[0], -1)


def small() -> Small:
    """The module of `small_archive`, in evaluation mode."""
    torch.manual_seed(0)
    module = Small().eval()
    module.norm.running_mean.uniform_()
    return module


@cache
def small_archive() -> bytes:
    """float32 (rows, 4) to float32 (rows, 3)."""
    rows = {"x": {0: torch.export.Dim("rows")}}
    return exported(small(), torch.randn(5, 4), dynamic_shapes=rows)


def entries(content: bytes) -> dict[str, bytes]:
    """The entries of an archive by their names without the folder."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name.removeprefix(FOLDER): file.read(name) for name in file.namelist()}


def packed(parts: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as file:
        for name, part in parts.items():
            file.writestr(FOLDER + name, part)
    return content.getvalue()


def with_entry(content: bytes, name: str, part: bytes) -> bytes:
    return packed({**entries(content), name: part})


def with_json(content: bytes, name: str, change: Callable[[Any], object]) -> bytes:
    """The archive with a document changed in place by `change`."""
    document = json.loads(entries(content)[name])
    change(document)
    return with_entry(content, name, json.dumps(document).encode())
