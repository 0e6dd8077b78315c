"""Checkpoints of formats that are looked at, small, written by the libraries that make them.

They are made when they are used: making them takes seconds.
"""

import argparse
import io
import json
import pickle
import struct
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import nn

MODULE = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).eval()
STATE = MODULE.state_dict()
SHARD = safetensors.torch.save(dict(STATE))
INDEX = {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(STATE, "shard.safetensors")}


def _saved(content: object, *, archive: bool) -> bytes:
    written = io.BytesIO()
    torch.save(content, written, _use_new_zipfile_serialization=archive)
    return written.getvalue()


def _arrays(save: object) -> bytes:
    written = io.BytesIO()
    save(written, a=np.eye(3), b=np.asfortranarray(np.ones((2, 3), ">i2")), c=np.array("hi"))  # type: ignore[operator]
    return written.getvalue()


def _script() -> bytes:
    written = io.BytesIO()
    with warnings.catch_warnings():
        # TorchScript is deprecated.
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(MODULE, torch.ones(1, 2)), written)
    return written.getvalue()


def _program() -> bytes:
    written = io.BytesIO()
    torch.export.save(torch.export.export(MODULE, (torch.ones(2, 2),)), written)
    return written.getvalue()


@cache
def distributed() -> tuple[bytes, bytes]:
    """The pickle of places, and the file of tensors."""
    import torch.distributed.checkpoint as dcp

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # It warns of what does not matter here.
        warnings.simplefilter("ignore")
        dcp.save({"model": STATE, "step": 3}, checkpoint_id=folder, no_dist=True)
        return Path(folder, ".metadata").read_bytes(), Path(folder, "__0_0.distcp").read_bytes()


def _block(field: int, content: bytes) -> bytes:
    return bytes([field << 3 | 2, len(content)]) + content


def _onnx() -> bytes:
    raw = b"\x08\x02\x10\x01" + _block(8, b"raw") + _block(9, struct.pack("<2f", 1, 2))
    packed = b"\x08\x03\x10\x07" + _block(8, b"packed") + _block(7, b"\x01\x02\x03")
    return b"\x08\x08" + _block(2, b"made") + _block(7, _block(5, raw) + _block(5, packed))


def _gguf(kind: int) -> bytes:
    text = struct.pack("<Q", 4) + b"name"
    entry = text + struct.pack("<I", 8) + text
    infos = struct.pack("<Q", 1) + b"w" + struct.pack("<IQIQ", 1, 2, 0, 0)
    infos += struct.pack("<Q", 1) + b"q" + struct.pack("<IQIQ", 1, 32, kind, 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, 2, 1) + entry + infos
    return head + bytes(-len(head) % 32) + struct.pack("<2f", 1, 2) + bytes(24 + 128)


CONTAINER = {
    "epoch": 3,
    "state_dict": STATE,
    "args": argparse.Namespace(rate=0.1, steps=[1, 2]),
    "best": np.float64(0.5),
    "history": np.arange(3),
    "module": MODULE,
    "seen": {1, (2, "a")},
}
CHECKPOINT_SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "legacy": lambda: [_saved(content, archive=False) for content in (STATE, CONTAINER)],
    "script": lambda: [_script(), _saved(CONTAINER, archive=True)],
    "program-weights": lambda: [_program()],
    "npz": lambda: [_arrays(np.savez), _arrays(np.savez_compressed)],
    "onnx": lambda: [_onnx()],
    # float32, and a quantised dtype whose values are not read.
    "gguf": lambda: [_gguf(0), _gguf(8)],
    "container": lambda: [pickle.dumps(CONTAINER, protocol) for protocol in range(6)],
    "index": lambda: [json.dumps(INDEX).encode()],
    "distributed": lambda: [distributed()[0]],
}
