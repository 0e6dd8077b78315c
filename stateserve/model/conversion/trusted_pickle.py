"""Unpickle a whole module that the user trusts: this runs the code in the file."""

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from stateserve.checkpoint import MAGIC_NUMBER, State, read_regular_file
from stateserve.errors import StateMismatch, UnreadableCheckpoint
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.arrays import to_array
from stateserve.text import class_of

# Of a zip archive, and of the format before torch 1.6. Other files are of pickle.dump.
TORCH_STARTS = (b"PK\x03\x04", pickle.dumps(MAGIC_NUMBER, 2))


class _ModuleUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        # A script pickles its own class as __main__.Multiclass, which exists in no other process.
        if (module, name) == ("__main__", "Multiclass"):
            return Multiclass
        return super().find_class(module, name)


def unpickle_state(path: Path) -> State:
    """The state of the module or state_dict in `path`. Raises CheckpointError."""
    content = io.BytesIO(read_regular_file(path))
    try:
        loaded = _load(content)
    except Exception as error:
        raise UnreadableCheckpoint(f"{path}: {type(error).__name__}: {error}") from None
    state = loaded.state_dict() if isinstance(loaded, nn.Module) else loaded
    if not isinstance(state, Mapping) or not all(isinstance(t, Tensor) for t in state.values()):
        raise StateMismatch(f"{path}: holds {class_of(loaded)}, not a module or state_dict")
    return {name: to_array(tensor) for name, tensor in state.items()}


def _load(content: io.BytesIO) -> object:
    if not content.getvalue().startswith(TORCH_STARTS):
        return _ModuleUnpickler(content).load()
    pickle_module = SimpleNamespace(__name__="pickle", Unpickler=_ModuleUnpickler, load=pickle.load)
    return torch.load(content, "cpu", weights_only=False, pickle_module=pickle_module)
