"""Writes the ONNX graph of a module, and checks what a graph may read and run."""

import hashlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from stateserve.checkpoint import Array, read_regular_file
from stateserve.errors import CardMismatch, MissingExtra, UnsafeCheckpoint
from stateserve.model.backends.onnx_division import require_results
from stateserve.model.module_call import export_arguments
from stateserve.model.signature import Signature
from stateserve.temporary_folder import require_temporary_folder
from stateserve.text import first_line, with_article

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from onnx import NodeProto, TensorProto

INSTALL = "pip install 'stateserve[onnx]'"
EXTERNAL = 1
STRING = 8
TEXTS = ("value_string", "value_strings")
# The one operator that runs a graph of its own at most once. The others repeat theirs (Loop, Scan,
# SequenceMap, BeamSearch): they may never end, and loops in loops multiply.
BRANCH = "If"
# They take memory that is not counted, and may take any size: of attributes, or many times that of
# their inputs.
UNCOUNTED = ("RoiAlign", "Unique")
# It divides by the length of a frame, which may be 0, also in a request.
ENDING = "STFT"
# An axis or a size of an attribute; with larger ones, such as GatherND's, ONNX Runtime may abort.
LARGEST_ATTRIBUTE = 2**31
ONNX_DOMAINS = ("", "ai.onnx")
# The limit of protobuf.
MAX_BYTES = 2**31 - 1


def export_onnx(module: nn.Module, signature: Signature, example: Mapping[str, Array]) -> bytes:
    """The graph of the module's forward, with its weights in it, as an ONNX file.

    The axes that are -1 in the signature are of any length. Raises CardMismatch if torch cannot
    export the module, MissingExtra, or NoTemporaryFolder.
    """
    require_temporary_folder("an ONNX graph")
    try:
        import onnxscript  # noqa: F401
    except ModuleNotFoundError:
        raise MissingExtra(f"an ONNX graph needs more packages: {INSTALL}") from None
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            args, kwargs, dynamic = export_arguments(module, signature, example)
            program = torch.onnx.export(
                module,
                args,
                kwargs=kwargs,
                input_names=[given.name for given in signature.inputs],
                output_names=[output.name for output in signature.outputs],
                dynamic_shapes=dynamic,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        # The error itself says in many colours at which step it was.
        reason = first_line(error.__cause__ or error)
        raise CardMismatch(f"torch exports no ONNX graph of this module: {reason}") from None
    finally:
        exporter.setLevel(level)
    if program is None:
        raise CardMismatch("torch exports no ONNX graph of this module")
    return program.model_proto.SerializeToString()


def read_packed(path: Path, sha256: str) -> bytes:
    """The graph of a packed model. Raises UnreadableCheckpoint or CardMismatch."""
    content = read_regular_file(path, MAX_BYTES)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise CardMismatch(f"{path}: not the ONNX graph of the card, whose SHA-256 differs")
    return content


def require_safe(content: bytes) -> None:
    """Raise UnsafeCheckpoint for a graph that reads other files, may never end or end the process,
    or takes memory that ONNX Runtime does not count: one with loops, functions of its own,
    operators that are not ONNX's, texts, sparse tensors, or a division of integers by -1.

    A tensor in another file may be any that the server can read. A few functions, each of which
    calls the one before twice, are as long as any loop; torch exports none.
    """
    import onnx

    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception:
        raise UnsafeCheckpoint("not an ONNX graph") from None
    if model.functions:
        raise UnsafeCheckpoint(f"the function {model.functions[0].name!r:.100} in it is not run")
    for message in _messages(model):
        if isinstance(message, onnx.TensorProto):
            _require_plain(message)
        elif isinstance(message, onnx.SparseTensorProto):
            name = message.values.name
            raise UnsafeCheckpoint(f"the tensor {name!r:.100} is sparse, and may take any memory")
        elif isinstance(message, onnx.NodeProto):
            _require_bounded(message)
    require_results(model)


def _require_plain(tensor: "TensorProto") -> None:
    if tensor.data_location == EXTERNAL or tensor.external_data:
        raise UnsafeCheckpoint(f"the tensor {tensor.name!r:.100} is in another file")
    if tensor.data_type == STRING:
        raise UnsafeCheckpoint(f"the tensor {tensor.name!r:.100} has texts, of any length")


def _require_bounded(node: "NodeProto") -> None:
    what = f"the node {node.name!r:.100} is {with_article(node.op_type):.100}"
    if node.op_type != BRANCH and any(each.HasField("g") or each.graphs for each in node.attribute):
        raise UnsafeCheckpoint(f"{what}, which may never end")
    if node.domain not in ONNX_DOMAINS:
        raise UnsafeCheckpoint(f"{what} of {node.domain:.100}; accepted are ONNX's own operators")
    if node.op_type in UNCOUNTED:
        raise UnsafeCheckpoint(f"{what}, which may take any memory")
    if node.op_type == ENDING:
        raise UnsafeCheckpoint(f"{what}, which ends the process with a frame of the length 0")
    numbers = (number for each in node.attribute for number in (each.i, *each.ints))
    if node.op_type != "Constant" and any(abs(each) > LARGEST_ATTRIBUTE for each in numbers):
        raise UnsafeCheckpoint(f"{what} with an attribute beyond {LARGEST_ATTRIBUTE}")
    if any(
        each.name in TEXTS or (each.name == "to" and each.i == STRING) for each in node.attribute
    ):
        raise UnsafeCheckpoint(f"{what} of texts, of any length")


def _messages(message: "Message") -> "Iterator[Message]":
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in value if field.is_repeated else [value]:
                yield from _messages(each)
