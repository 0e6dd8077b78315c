"""A backend runs the forward pass of a model; which one, and where, is chosen at loading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal, Protocol

import torch

from stateserve.checkpoint import Array
from stateserve.errors import DeviceNotFound, ForwardFailed
from stateserve.model.signature import Output

Arrays = dict[str, Array]
BackendName = Literal["auto", "eager", "onnxruntime"]


class Backend(Protocol):
    """Runs the forward pass."""

    def __call__(self, inputs: Mapping[str, Array], /) -> Arrays:
        """Map the arrays of all inputs, with one batch axis, to those of all outputs."""


def require_declared(output: Output, dtype: str, shape: Sequence[int], rows: int) -> None:
    """Raise ForwardFailed unless an output of this dtype and shape is as the model card says."""
    if dtype != output.dtype or not output.fits(shape) or shape[0] != rows:
        raise ForwardFailed(
            f"output {output.name!r} is {dtype} {list(shape)} for {rows} rows; "
            f"the model card says {output.dtype} {output.shape}"
        )


@dataclass(frozen=True)
class BackendChoice:
    """`auto` is ONNX Runtime for a model with a packed graph on the processor, else eager with
    the weights of convolutions in the memory format channels_last if the module takes it.

    `threads` is the number of threads of one pass, `device` one of torch's: cpu, cuda:0, mps.
    """

    name: BackendName = "auto"
    device: str = "cpu"
    threads: int = 1

    def takes_graph(self) -> bool:
        """Whether a packed ONNX graph runs."""
        if self.name == "auto":
            return self.device == "cpu" and find_spec("onnxruntime") is not None
        return self.name == "onnxruntime"

    def may_change_format(self) -> bool:
        """Whether the memory format of weights may change, which changes the rounding."""
        return self.name == "auto" and self.device == "cpu"


def require_device(device: str) -> None:
    """Raise DeviceNotFound, one line, unless this machine has the device."""
    try:
        parsed = torch.device(device)
    except RuntimeError:
        raise DeviceNotFound(f"device {device!r:.100}: cpu, cuda, cuda:N or mps belongs") from None
    there = {
        "cpu": 1,
        # Counts without CUDA's context, which would not survive a fork.
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }
    if parsed.type not in there:
        raise DeviceNotFound(f"device {device!r:.100}: cpu, cuda, cuda:N or mps belongs")
    if (parsed.index or 0) >= there[parsed.type]:
        count = there[parsed.type]
        raise DeviceNotFound(f"device {device}: this machine has {count or 'no'} {parsed.type}")
