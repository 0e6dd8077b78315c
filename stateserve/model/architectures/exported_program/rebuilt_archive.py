"""A new archive in memory, for the public torch.export.load: a graph and nothing else.

Its graph has the state as inputs, so that it holds no tensors, no sample inputs and no names.
"""

import io
import json
import logging
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch
from torch.fx import GraphModule

from stateserve.errors import UnreadableCheckpoint
from stateserve.json_document import Json
from stateserve.temporary_folder import require_temporary_folder

FOLDER = "archive/"
NO_ARGUMENTS: Json = {"type": "builtins.tuple", "context": "null", "children_spec": []}
NO_KEYWORDS: Json = {"type": "builtins.dict", "context": "[]", "children_spec": []}
EMPTY_TREES: Json = {
    "type": "builtins.tuple",
    "context": "null",
    "children_spec": [NO_ARGUMENTS, NO_KEYWORDS],
}
# torch.export.load keeps its reader in a global variable.
_loading = Lock()


def load_graph(graph: Json, inputs: list[Json], outputs: list[Json]) -> GraphModule:
    """The module that runs `graph`: it maps the inputs, in order, to a tuple of the outputs.

    Raises UnreadableCheckpoint if torch does not accept the graph, or NoTemporaryFolder.
    """
    require_temporary_folder("torch.export.load")
    content = _archive(_document(graph, inputs, outputs))
    try:
        with _loading, _quiet():
            program = torch.export.load(io.BytesIO(content))
    except Exception as error:
        # Only rebuilt graphs get here; torch raises many types of error for wrong ones.
        reason = str(error).strip().splitlines()[-1:]
        raise UnreadableCheckpoint(
            f"torch.export.load refuses the graph ({type(error).__name__}: {''.join(reason):.200})"
        ) from None
    module: GraphModule = program.graph_module
    return module


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning, and its stack trace, that comes before the error."""
    logger = logging.getLogger("torch.export")
    disabled, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = disabled


def _document(graph: Json, inputs: list[Json], outputs: list[Json]) -> Json:
    trees = json.dumps([1, EMPTY_TREES])
    call: Json = {"inputs": [], "outputs": [], "in_spec": trees, "out_spec": trees}
    signature: Json = {
        "input_specs": [{"user_input": {"arg": each}} for each in inputs],
        "output_specs": [{"user_output": {"arg": each}} for each in outputs],
    }
    return {
        "graph_module": {
            "graph": graph,
            "signature": signature,
            "module_call_graph": [{"fqn": "", "signature": call}],
        },
        "opset_version": {"aten": torch._C._get_max_operator_version()},
        "range_constraints": {},
        "schema_version": {"major": 8, "minor": 20},
        "verifiers": ["TRAINING"],
        "torch_version": torch.__version__,
    }


def _archive(document: Json) -> bytes:
    nothing = json.dumps({"config": {}})
    entries = {
        "archive_format": "pt2",
        "archive_version": "0",
        "byteorder": "little",
        ".data/version": "6\n",
        "models/model.json": json.dumps(document),
        "data/weights/model_weights_config.json": nothing,
        "data/constants/model_constants_config.json": nothing,
        "data/sample_inputs/model.pt": "",
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, text in entries.items():
            file.writestr(FOLDER + name, text)
    return content.getvalue()
