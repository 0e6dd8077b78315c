"""Convert a checkpoint to another format, without torch and without running code in it."""

from pathlib import Path

from stateserve.checkpoint.conversion.conversion import Conversion, Converted
from stateserve.checkpoint.conversion.options import AS_IT_IS, ConvertOptions


def convert(source: Path, target: Path, options: ConvertOptions = AS_IT_IS) -> Converted:
    """Write the state of the file or folder `source` to `target`, in the format of its suffix.

    .pth, .pt, .bin and .ckpt are torch.save archives; .safetensors, .npz and .pickle are the
    others. Memory holds a part of one tensor, or all of one that is not contiguous in the file.
    `target` is replaced when all is written and checked, and stays whole otherwise.

    Raises CheckpointError, which names the file, InvalidNames, or OSError.
    """
    return Conversion.open(source, target, options).write()
