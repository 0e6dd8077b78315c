"""ONNX Runtime as the backend of a model whose ONNX graph was packed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from stateserve.checkpoint import Array
from stateserve.errors import CardMismatch, ForwardFailed, MissingExtra
from stateserve.model.backends.onnx_graph import INSTALL, require_self_contained
from stateserve.model.signature import Signature

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class OnnxRuntime:
    """Runs the graph on the processor, with `threads` threads for one pass."""

    name = "onnxruntime"

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

    def __call__(self, inputs: Mapping[str, Array], /) -> dict[str, Array]:
        try:
            arrays = self._session.run(self._names, {name: inputs[name] for name in self._inputs})
        except Exception as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise ForwardFailed(f"ONNX Runtime: {first:.300}") from error
        rows = len(next(iter(inputs.values())))
        for output, array in zip(self._outputs, arrays, strict=True):
            if (
                array.dtype != np.dtype(output.dtype)
                or not output.fits(array.shape)
                or len(array) != rows
            ):
                raise ForwardFailed(
                    f"output {output.name!r} is {array.dtype} {list(array.shape)} for {rows} rows; "
                    f"the model card says {output.dtype} {output.shape}"
                )
        return dict(zip(self._names, arrays, strict=True))


def _open(content: bytes, threads: int) -> "InferenceSession":
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise MissingExtra(f"the backend onnxruntime needs more packages: {INSTALL}") from None
    require_self_contained(content)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin take the processor from the event loop.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise CardMismatch(f"ONNX Runtime does not load the graph: {first:.300}") from None
