"""Files of torch.save with tensors of every kind: dtypes, layouts, views, parametrizations."""

import io
import warnings
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrizations

from tests.corpus.case import Readable
from tests.corpus.network import saved
from tests.corpus.torch_files import LEGACY, ZIP

FLOATS = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")
INTEGERS = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "bool")
EIGHTS = ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz", "e8m0fnu")
BASE = torch.arange(12.0)
TIED = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5, bias=False))
TIED[1].weight = TIED[0].weight


def _of_dtypes(names: tuple[str, ...]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor([1.0, 2.0, 4.0]).to(getattr(torch, name)) for name in names}


def write_big_endian(path: Path) -> None:
    """As torch.save on a machine of that byte order: all numbers swapped, and said."""
    written = io.BytesIO()
    torch.save({"w": BASE}, written)
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("byteorder"):
                content = b"big"
            elif "/data/" in name:
                content = np.frombuffer(content, "<f4").astype(">f4").tobytes()
            target.writestr(name, content)


VIEWS = {
    "first": BASE[:6].view(2, 3),
    "last": BASE[6:],
    "turned": BASE.view(3, 4).T,
    "step": BASE[::3],
    "whole": BASE,
}
with warnings.catch_warnings():
    # Quantised tensors are deprecated.
    warnings.simplefilter("ignore")
    ROWS = torch.rand(3, 4)
    QUANTISED = {
        "weight": torch.quantize_per_tensor(ROWS, 0.1, 2, torch.qint8),
        "rows": torch.quantize_per_channel(ROWS, ROWS[:, 0], torch.zeros(3), 0, torch.quint8),
    }
    SPARSE = {"coo": torch.eye(3).to_sparse(), "csr": torch.eye(3).to_sparse_csr()}
TENSORS = {
    "floats.pth": _of_dtypes(FLOATS),
    "integers.pth": _of_dtypes(INTEGERS),
    "float8.pth": _of_dtypes(tuple(f"float8_{name}" for name in EIGHTS)),
    "quantised.pth": QUANTISED,
    "sparse.pth": SPARSE,
    "meta.pth": {"weight": torch.ones(2, 3, device="meta")},
    "empty_tensors.pth": {"none": torch.zeros(0, 3), "one": torch.tensor(1.5)},
    "tied.pth": TIED.state_dict(),
    "parameters.pth": dict(TIED.named_parameters()),
    "views.pth": VIEWS,
    "expanded.pth": {"w": torch.ones(3, 1), "same": torch.ones(3, 1)[:, :1].squeeze(1)},
    "weight_norm.pth": parametrizations.weight_norm(nn.Linear(4, 3)).state_dict(),
    "spectral_norm.pth": parametrizations.spectral_norm(nn.Linear(4, 3)).state_dict(),
    "odd_names.pth": {"a/b": BASE, "": BASE, "größe": BASE, "..": BASE, "a b": BASE},
}
TENSOR_FILES = [
    *(Readable(file, ZIP, saved(state)) for file, state in TENSORS.items()),
    Readable("views_legacy.pth", LEGACY, saved(VIEWS, archive=False)),
    Readable("big_endian.pth", ZIP, write_big_endian, load=lambda *_: {"w": BASE}),
]
