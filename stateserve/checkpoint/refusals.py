"""Why the content of a file is no state_dict, and how to get one from it."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from stateserve.checkpoint.content import walk
from stateserve.checkpoint.description import describe
from stateserve.checkpoint.found_states import FoundState
from stateserve.checkpoint.pickles.arrays import PickledArray
from stateserve.checkpoint.pickles.objects import Blob, Opaque
from stateserve.checkpoint.readers.folder import INDEX
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.text import listed, with_article

MOST_LISTED = 20
QUANTIZED = (
    "take the state_dict from before torch.ao quantizes the module, or export it with torch.export"
)

# Libraries whose objects are no modules of torch.
OTHER_LIBRARIES = {
    *("sklearn", "xgboost", "lightgbm", "catboost", "pandas", "numpy", "scipy", "joblib", "keras"),
    *("tensorflow", "jax", "jaxlib", "flax", "builtins", "collections", "argparse", "pathlib"),
}


def of_file(path: Path, reason: str) -> str:
    """The reason with the path before it; `IN OUT` in a command become the path and a new file."""
    name = Path(path.name.removesuffix(INDEX))
    suffix = ".pth" if path.suffix == ".safetensors" else ".safetensors"
    target = path.with_name(name.with_suffix(suffix).name)
    return f"{path}: {reason.replace('IN OUT', shlex.join([str(path), str(target)]))}"


def why_no_state(root: object, states: Mapping[str, FoundState]) -> str:
    """Of content in which no state is found, or several."""
    if states.keys() == {""}:
        return f"holds {_what(root)}, not a state_dict: a dict of tensors by their names"
    return f"holds {_what(root)}; {listing(states)}"


def listing(states: Mapping[str, FoundState]) -> str:
    if not states:
        return "it holds no state_dict"
    keys = [f"{key!r:.100}" for key in states]
    return f"its states are at {listed(keys, MOST_LISTED)}: choose one with --key"


def why_unsafe(root: Opaque, states: Mapping[str, FoundState]) -> str:
    """Of an object where a state_dict belongs. Its code is not run.

    --trust-pickle is named only if that code may make a module or a state_dict.
    """
    name = f"{root.name:.200}"
    if name.startswith("__torch__.") and states:
        return (
            f"a TorchScript archive of {name.removeprefix('__torch__.')}, whose code is not run. "
            "For its state, to serve with the class: stateserve convert IN OUT"
        )
    if states:
        whole = "" in states and states[""].kind == "module"
        served = f", to serve with --code FILE.py:{name.rpartition('.')[2]}" if whole else ""
        what = f"a whole module, {name}" if whole else with_article(name)
        return (
            f"holds {what}, not a state_dict. Its code is not run; for its state alone{served}: "
            "stateserve convert IN OUT"
        )
    if name.startswith("__torch__."):
        return (
            "a TorchScript module without parameters: torch.jit.freeze has made constants of them; "
            "take the module that it was made from"
        )
    if isinstance(root.state, dict) and "_modules" in root.state:
        what = f"holds a whole module, {name}, without parameters that can be read as data"
        return f"{what}; {QUANTIZED}"
    if root.name.partition(".")[0] in OTHER_LIBRARIES or not _may_hide_tensors(root):
        return f"holds {with_article(name)}, which is neither a state_dict nor a module of torch"
    return (
        f"holds {with_article(name)}, not a state_dict. If you trust the file: stateserve convert "
        "--trust-pickle IN OUT runs the code in it"
    )


def _may_hide_tensors(root: Opaque) -> bool:
    """Whether tensors of torch are in it, or bytes that its code could make tensors of."""
    values = (node.value for node in walk(root))
    return any(
        isinstance(value, bytes | Blob)
        or (isinstance(value, LazyTensor) and not isinstance(value, PickledArray))
        for value in values
    )


def why_no_tensor(name: object, value: object, states: Mapping[str, FoundState]) -> str:
    """Of an entry where each is to be a tensor."""
    if "._packed_params" in f".{name}":
        return f"is of a module that torch.ao has quantized; {QUANTIZED}"
    kind = "tensor" if isinstance(value, LazyTensor) else type(value).__name__
    wanted = [key for key, state in states.items() if key and state.kind == "state"]
    key = f"--key {wanted[0]}" if wanted else ""
    hint = f"; for one in it: {key}, or stateserve convert {key} IN OUT" if wanted else ""
    return f"is {with_article(kind)}, not a tensor: this is not a state_dict{hint}"


def _what(root: object) -> str:
    if isinstance(root, dict | list | tuple) and not root:
        return f"an empty {type(root).__name__}"
    if isinstance(root, dict | list | tuple | Opaque):
        return with_article(describe(root))
    return describe(root)
