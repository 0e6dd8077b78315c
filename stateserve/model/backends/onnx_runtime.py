"""ONNX Runtime as the backend of a model whose ONNX graph was packed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stateserve.checkpoint import Array
from stateserve.errors import CardMismatch, MissingExtra
from stateserve.model.backends.backend import Arrays, require_declared
from stateserve.model.backends.onnx_graph import INSTALL, require_safe
from stateserve.model.backends.onnx_limits import (
    MAX_SECONDS,
    SHRINK,
    PassClock,
    limit_memory,
    pass_failure,
)
from stateserve.model.signature import Signature
from stateserve.text import first_line

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, RunOptions

CLOCK = PassClock()


class OnnxRuntime:
    """Runs the graph on the processor, with `threads` threads for one pass.

    A pass holds at most MAX_BYTES, and ends after `seconds` and the node that runs then.
    """

    def __init__(
        self,
        content: bytes,
        signature: Signature,
        threads: int = 1,
        *,
        seconds: float = MAX_SECONDS,
    ) -> None:
        """Raises MissingExtra, UnsafeCheckpoint or CardMismatch."""
        self._session = _open(content, threads)
        self._seconds = seconds
        # One for each pass that runs: it is slow to make.
        self._options: list[RunOptions] = []
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
        arrays = self._run({name: inputs[name] for name in self._inputs})
        rows = len(next(iter(inputs.values())))
        for output, array in zip(self._outputs, arrays, strict=True):
            require_declared(output, array.dtype.name, array.shape, rows)
        return dict(zip(self._names, arrays, strict=True))

    def _run(self, inputs: Arrays) -> list[Array]:
        """Raises ForwardFailed."""
        options = self._options.pop() if self._options else _run_options()
        CLOCK.start(options, self._seconds)
        try:
            found: list[Array] = self._session.run(self._names, inputs, options)
            return found
        except Exception as error:
            raise pass_failure(error, options, self._seconds) from error
        finally:
            CLOCK.stop(options)
            self._options.append(options)


def _run_options() -> "RunOptions":
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.add_run_config_entry(*SHRINK)
    return options


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
    limit_memory()
    options.add_session_config_entry("session.use_env_allocators", "1")
    try:
        # What is folded as a graph is loaded has no limits. torch folds constants at export.
        return onnxruntime.InferenceSession(
            content, options, ["CPUExecutionProvider"], disabled_optimizers=["ConstantFolding"]
        )
    except Exception as error:
        raise CardMismatch(f"ONNX Runtime does not load the graph: {first_line(error)}") from None
