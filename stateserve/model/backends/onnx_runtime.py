"""ONNX Runtime as the backend of a model whose ONNX graph was packed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stateserve.checkpoint import Array
from stateserve.errors import CardMismatch, ForwardFailed, MissingExtra
from stateserve.model.backends.backend import Arrays, require_declared
from stateserve.model.backends.onnx_graph import INSTALL, require_safe
from stateserve.model.signature import Signature
from stateserve.text import first_line

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class OnnxRuntime:
    """Runs the graph on the processor, with `threads` threads for one pass."""

    def __init__(self, content: bytes, signature: Signature, threads: int = 1) -> None:
        """Raises MissingExtra, UnsafeCheckpoint or CardMismatch."""
        self._session = _open(content, threads)
        self._outputs = signature.outputs
        self._names = [output.name for output in signature.outputs]
        found = {each.name for each in self._session.get_inputs()}
        wanted = {given.name for given in signature.inputs}
        have = {each.name for each in self._session.get_outputs()}
        if not found <= wanted or not have >= set(self._names):
            raise CardMismatch(
                f"the ONNX graph maps {', '.join(sorted(found))} to {', '.join(sorted(have))}, "
                "which are not the inputs and outputs of the model card"
            )
        # A graph does not list the inputs that its outputs do not depend on.
        self._inputs = sorted(found)

    def __call__(self, inputs: Mapping[str, Array], /) -> Arrays:
        try:
            arrays = self._session.run(self._names, {name: inputs[name] for name in self._inputs})
        except Exception as error:
            raise ForwardFailed(f"ONNX Runtime: {first_line(error)}") from error
        rows = len(next(iter(inputs.values())))
        for output, array in zip(self._outputs, arrays, strict=True):
            require_declared(output, array.dtype.name, array.shape, rows)
        return dict(zip(self._names, arrays, strict=True))


def _open(content: bytes, threads: int) -> "InferenceSession":
    try:
        import onnxruntime

        require_safe(content)
    except ModuleNotFoundError:
        raise MissingExtra(f"the backend onnxruntime needs more packages: {INSTALL}") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin take the processor from the event loop.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:
        raise CardMismatch(f"ONNX Runtime does not load the graph: {first_line(error)}") from None
