"""Files and folders that are no checkpoints: each with the whole message that names it."""

import gzip
import io
import json
import lzma
import operator
import tarfile
import warnings
from pathlib import Path

import numpy as np
import torch

from tests.corpus.case import Refused
from tests.corpus.network import STATE, pickled, saved
from tests.corpus.writers import archive, content, folder, half

UNPACK = "unpack it and take the file inside"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
DOWNLOAD = "as after a download that broke off"


def joined(first: str) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as target:
        target.addfile(tarfile.TarInfo(first), io.BytesIO(b""))
    return written.getvalue()


def write_script(path: Path) -> None:
    """Frozen: its weights are constants."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.script(torch.nn.Linear(2, 2).eval())
        torch.jit.save(torch.jit.freeze(module), path)


class Restored:
    """An object whose tensors only its own code could find."""

    def __reduce__(self) -> tuple[object, tuple[bytes]]:
        return restore, (b"weights",)


def restore(written: bytes) -> object:
    raise AssertionError("the code of the file was run")


REFUSED_FILES = [
    Refused(
        "lfs.pth",
        "a Git LFS pointer, not the file itself; fetch it: git lfs pull",
        content(POINTER),
    ),
    Refused(
        "page.pt",
        "a page of HTML or XML, not a checkpoint; the download was answered with a page, such as "
        "of a login or an error",
        content(b"<!DOCTYPE html>\n<html><title>Sign in</title>"),
    ),
    Refused(
        "empty.ckpt",
        "the file is empty, as after a download that failed or a disk that was full",
        content(b""),
    ),
    Refused(
        "zeros.bin",
        "the file begins with zeros alone, as after a download or a copy that broke off",
        content(bytes(4096)),
    ),
    Refused("model.pth.gz", f"compressed by gzip; {UNPACK}", content(gzip.compress(b"x"))),
    Refused(
        "model.lzma",
        f"compressed by LZMA; {UNPACK}",
        content(lzma.compress(b"x", lzma.FORMAT_ALONE)),
    ),
    Refused("model.tar", f"a tar archive; {UNPACK}", content(joined("model.pth"))),
    Refused(
        "torch_0.1.pt",
        "a torch.save file of before torch 0.1.10, a tar archive, which is not read; load it with "
        "torch.load and save it again",
        content(joined("sys_info")),
    ),
    Refused(
        "config.json",
        "a JSON file, but not the index of a checkpoint (no weight_map)",
        content(json.dumps({"hidden_size": 16}).encode()),
    ),
    Refused(
        "notes.txt", "a text, not a checkpoint; it begins with 'lr: 0.1'", content(b"lr: 0.1\n")
    ),
    Refused("cat.pt", "a PNG picture, not a checkpoint", content(b"\x89PNG\r\n\x1a\n" + bytes(9))),
    Refused(
        "random.pth",
        "not a checkpoint of a known format; it begins with b'\\xc8\\xc9~~~~~~'",
        content(b"\xc8\xc9" + b"~" * 99),
    ),
    Refused("half.pth", f"not a whole archive: its end is missing, {DOWNLOAD}", half(saved(STATE))),
    Refused(
        "half.safetensors",
        "not a whole safetensors file (its header ends past the end of the file)",
        content((1000).to_bytes(8, "little") + b'{"w":'),
    ),
    Refused("half.pkl", "damaged: the pickle is cut short", half(pickled(STATE, 4))),
    Refused(
        "half.npz",
        f"not a whole archive: its end is missing, {DOWNLOAD}",
        half(lambda path: np.savez(path, a=np.eye(9))),
    ),
    Refused(
        "archive_without_its_pickle.pt",
        "an archive of torch.save without its data.pkl, as after a torch.save that failed",
        archive("a/version", "a/.data/serialization_id"),
    ),
    Refused(
        "package.pt",
        "an archive of torch.package, which holds Python code; load it with torch.package and "
        "save the state_dict",
        archive("a/.data/extern_modules", "a/m/m.pkl", "a/.data/0.storage"),
    ),
    Refused(
        "frozen.pt",
        "a TorchScript module without parameters: torch.jit.freeze has made constants of them; "
        "take the module that it was made from",
        write_script,
    ),
    Refused(
        "policy.zip",
        f"a zip archive that is no checkpoint (it holds 'data', 'policy.pth'); {UNPACK}",
        archive("data", "policy.pth"),
    ),
    Refused("number.pt", "holds 3; it holds no state_dict", saved(3)),
    Refused("empty_dict.pt", "holds an empty dict; it holds no state_dict", saved({})),
    Refused(
        "only_numbers.ckpt",
        "holds a dict of 2; it holds no state_dict",
        saved({"epoch": 1, "loss": 0.5}),
    ),
    Refused(
        "restored.pkl",
        "holds a tests.corpus.refused_files.restore, not a state_dict. If you trust the file: "
        "stateserve convert --trust-pickle IN OUT runs the code in it",
        pickled(Restored(), 4),
    ),
    Refused(
        "persistent_id.pkl",
        "holds a persistent id, which is neither a state_dict nor a module of torch",
        content(b"\x80\x02X\x01\x00\x00\x00aQ."),
    ),
    Refused(
        "call.pkl",
        "holds an operator.methodcaller, which is neither a state_dict nor a module of torch",
        pickled(operator.methodcaller("sum"), 4),
    ),
    Refused("folder", "a folder without a checkpoint in it", folder("readme.md")),
    Refused(
        "runs",
        "a folder without a checkpoint; there are folders in it: checkpoint-500, checkpoint-900",
        folder("checkpoint-500/", "checkpoint-900/", "readme.md"),
    ),
    Refused("outputs", "a folder without a checkpoint in it", folder("model.golden.safetensors")),
    Refused(
        "epochs", "a folder of 2 checkpoints; choose one: 1.pth, 2.pth", folder("1.pth", "2.pth")
    ),
]
