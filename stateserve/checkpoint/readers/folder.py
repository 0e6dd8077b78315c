"""Find the checkpoint of a folder: an index, the one file of weights, or what the folder is."""

from itertools import islice
from pathlib import Path

from stateserve.errors import UnreadableCheckpoint
from stateserve.text import listed

INDEX = ".index.json"
DISTRIBUTED = ".metadata"
# Inputs and outputs of a packed model, no state.
GOLDEN = ".golden.safetensors"
# In the order of preference: what libraries call the weights of a model.
USUAL = (
    *("model.safetensors", "pytorch_model.bin", "diffusion_pytorch_model.safetensors"),
    *("diffusion_pytorch_model.bin", "adapter_model.safetensors", "adapter_model.bin"),
)

SUFFIXES = {
    *(".pth", ".pt", ".ckpt", ".bin", ".pickle", ".pkl", ".safetensors", ".npz", ".npy"),
    *(".onnx", ".gguf", ".pt2", ".tar"),
}
FOREIGN = {
    "saved_model.pb": "a TensorFlow SavedModel, which is not read",
    "checkpoint": "a TensorFlow checkpoint, which is not read; load it with TensorFlow",
    "latest": "a DeepSpeed checkpoint; its zero_to_fp32.py makes one file of it",
    "_CHECKPOINT_METADATA": "an Orbax checkpoint, which is not read; load it with Orbax",
    "Manifest.json": "a Core ML package, which is not read; take the checkpoint it was made from",
    "data.pkl": "the unpacked content of a torch.save archive; pack it again: zip -0 -r model.pth",
}
MOST_NAMES = 10_000
MOST_LISTED = 8


def find_in_folder(folder: Path) -> Path:
    """The file to read. Raises UnreadableCheckpoint, which says what the folder is."""
    try:
        paths = sorted(islice(folder.iterdir(), MOST_NAMES))
    except OSError as error:
        raise UnreadableCheckpoint(f"{folder}: {error.strerror or error}") from None
    names = [path.name for path in paths]
    if DISTRIBUTED in names:
        return folder / DISTRIBUTED
    indices = [name for name in names if name.endswith(INDEX)]
    candidates = [
        name
        for name in names
        if Path(name).suffix.lower() in SUFFIXES and not name.endswith(GOLDEN)
    ]
    preferred = [name for name in USUAL if name in names]
    # safetensors before pickles, a whole file before its parts.
    for found in (*preferred, *sorted(indices, key=lambda name: "safetensors" not in name)):
        return folder / found
    for name, text in FOREIGN.items():
        if name in names:
            raise UnreadableCheckpoint(f"{folder}: {text}")
    if len(candidates) == 1:
        return folder / candidates[0]
    if candidates:
        text = f"a folder of {len(candidates)} checkpoints; choose one: {_listed(candidates)}"
    elif any(".data-00000-of-" in name for name in names):
        text = FOREIGN["checkpoint"]
    elif inner := [path.name for path in paths if path.is_dir()]:
        text = f"a folder without a checkpoint; there are folders in it: {_listed(inner)}"
    else:
        text = "a folder without a checkpoint in it"
    raise UnreadableCheckpoint(f"{folder}: {text}")


def _listed(names: list[str]) -> str:
    return listed([name[:100] for name in names], MOST_LISTED)
