"""Files of other formats and libraries, and of formats whose suffix is another's."""

import json
import warnings
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from tests.corpus.case import Readable, Tensors
from tests.corpus.network import NET, STATE, adam, saved

SAFETENSORS, SHARDED = "safetensors file", "checkpoint in several files"
X = torch.rand(2, 4)


def write_safetensors(path: Path) -> None:
    # As the save_pretrained of transformers does.
    safetensors.torch.save_file(dict(STATE), path, metadata={"format": "pt"})


def write_shards(path: Path) -> None:
    names = sorted(STATE)
    files = {"model-1.safetensors": names[:4], "model-2.safetensors": names[4:]}
    for file, keys in files.items():
        safetensors.torch.save_file({key: STATE[key] for key in keys}, path.parent / file)
    weights = {key: file for file, keys in files.items() for key in keys}
    path.write_text(json.dumps({"metadata": {"total_size": 0}, "weight_map": weights}))


def write_torch_shards(path: Path) -> None:
    torch.save(dict(STATE), path.parent / "pytorch_model-1.bin")
    weights = dict.fromkeys(STATE, "pytorch_model-1.bin")
    path.write_text(json.dumps({"weight_map": weights}))


def write_folder(path: Path) -> None:
    """As a model of transformers is in its folder."""
    path.mkdir()
    (path / "config.json").write_text("{}")
    (path / "training_args.bin").write_bytes(b"")
    write_safetensors(path / "model.safetensors")


def write_distributed(path: Path) -> None:
    import torch.distributed.checkpoint as dcp

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = {"model": STATE, "optim": adam().state_dict(), "step": 7}
        dcp.save(content, checkpoint_id=path, no_dist=True)


def write_script(path: Path) -> None:
    with warnings.catch_warnings():
        # TorchScript is deprecated.
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(NET), path)


def write_program(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(NET, (X,)), path)


def write_onnx(path: Path) -> None:
    """A graph of one MatMul: torch.onnx.export takes seconds."""
    import onnx
    from onnx import numpy_helper

    weight = numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(4, 3), "fc.weight")
    sizes = [("x", ["n", 4]), ("y", ["n", 3])]
    ends = [onnx.helper.make_tensor_value_info(name, 1, shape) for name, shape in sizes]
    node = onnx.helper.make_node("MatMul", ["x", "fc.weight"], ["y"])
    graph = onnx.helper.make_graph([node], "g", ends[:1], ends[1:], [weight])
    onnx.save(onnx.helper.make_model(graph, producer_name="by hand"), path)


def load_onnx(path: Path, _: str) -> Tensors:
    import onnx
    from onnx import numpy_helper

    tensors = onnx.load(path).graph.initializer
    return {each.name: torch.from_numpy(numpy_helper.to_array(each).copy()) for each in tensors}


def load_numpy(path: Path, _: str) -> Tensors:
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name].copy()) for name in arrays.files}


def write_gguf(path: Path) -> None:
    """As llama.cpp's convert script does: metadata, and tensors of which one is quantised."""
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_token_list(["a", "b"])
    rows = np.arange(128, dtype=np.float32).reshape(2, 64)
    writer.add_tensor("token_embd.weight", rows)
    kind = gguf.GGMLQuantizationType.Q8_0
    writer.add_tensor("blk.0.attn_q.weight", gguf.quants.quantize(rows, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def load_gguf(path: Path, _: str) -> Tensors:
    """The values of quantised tensors are not compared."""
    import gguf

    found = {each.name: each for each in gguf.GGUFReader(path).tensors}
    return {
        name: torch.from_numpy(np.array(each.data, np.float32).reshape(tuple(each.shape[::-1])))
        if each.tensor_type == gguf.GGMLQuantizationType.F32
        else torch.quantize_per_tensor(
            torch.zeros(*map(int, each.shape[::-1])), 1.0, 0, torch.qint8
        )
        for name, each in found.items()
    }


ARRAYS = {name: tensor.numpy() for name, tensor in STATE.items()}
# JAX's names.
PARAMETERS = {"params/Dense_0/kernel": np.ones((4, 3)), "params/Dense_0/bias": np.zeros(3)}
OTHER_FILES = [
    Readable("model.safetensors", SAFETENSORS, write_safetensors, load=lambda *_: STATE),
    Readable("model.safetensors.index.json", SHARDED, write_shards, load=lambda *_: STATE),
    Readable("pytorch_model.bin.index.json", SHARDED, write_torch_shards, load=lambda *_: STATE),
    Readable("folder_of_transformers", SAFETENSORS, write_folder, load=lambda *_: STATE),
    Readable(
        "folder_of_distributed",
        "torch.distributed checkpoint",
        write_distributed,
        {"model": "state", "optim": "optimizer"},
        "model",
        load=lambda _, key: STATE if key == "model" else {},
    ),
    Readable(
        "script.pt",
        "TorchScript archive",
        write_script,
        {"": "module"},
        load=lambda path, _: torch.jit.load(path).state_dict(),
    ),
    Readable(
        "program.pt2",
        "torch.export archive",
        write_program,
        load=lambda path, _: torch.export.load(path).state_dict,
    ),
    Readable("model.onnx", "ONNX model", write_onnx, load=load_onnx),
    Readable("model.gguf", "GGUF file", write_gguf, load=load_gguf),
    Readable("a.npz", "NumPy archive", lambda path: np.savez(path, **ARRAYS), load=load_numpy),
    Readable(
        "compressed.npz",
        "NumPy archive",
        lambda path: np.savez_compressed(path, **PARAMETERS),
        load=load_numpy,
    ),
    Readable(
        "array.npy",
        "NumPy array",
        lambda path: np.save(path, np.eye(3)),
        load=lambda path, _: {"array": torch.from_numpy(np.load(path))},
    ),
    Readable(
        "safetensors.pth",
        SAFETENSORS,
        write_safetensors,
        load=lambda *_: STATE,
        notes=("a safetensors file with the suffix .pth",),
    ),
    Readable(
        "archive.safetensors",
        "torch.save archive",
        saved(STATE),
        # torch.load chooses by this suffix.
        load=lambda *_: STATE,
        notes=("a torch.save archive with the suffix .safetensors",),
    ),
    Readable(
        "archive.npz",
        "torch.save archive",
        saved(STATE),
        notes=("a torch.save archive with the suffix .npz",),
    ),
]
