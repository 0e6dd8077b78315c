"""A loaded model with any module: it maps named arrays to named arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from torch import nn

from stateserve.checkpoint import Array
from stateserve.errors import CardMismatch, ForwardFailed
from stateserve.model.backends.backend import Arrays, Backend, BackendChoice
from stateserve.model.backends.eager import Eager
from stateserve.model.backends.onnx_graph import read_packed
from stateserve.model.backends.onnx_runtime import OnnxRuntime
from stateserve.model.cards.model_card import ModelCard
from stateserve.model.example import zeros
from stateserve.model.feature import Feature
from stateserve.model.feature_histogram import FeatureHistogram
from stateserve.model.model import Model
from stateserve.model.module_call import raised_at
from stateserve.model.noise import is_noise
from stateserve.model.signature import Signature

# Another CPU, another number of rows or another backend rounds differently.
GOLDEN_TOLERANCE = 1e-4
# float16 has 11 bits of precision, bfloat16 has 8.
COARSE_TOLERANCE = {"float16": 1e-2, "bfloat16": 5e-2}


@dataclass(frozen=True)
class TensorModel(Model[nn.Module, ModelCard]):
    """A module with a signature; `golden` has the arrays of the card's golden file, by the number
    of rows. `notes` say what was assumed where the signature was inferred.

    The backend of `choice` is opened at its first use, since its threads and its device do not
    survive a fork.
    """

    golden: Mapping[int, tuple[Arrays, Arrays]] = field(
        default_factory=dict, repr=False, compare=False
    )
    notes: Sequence[str] = ()
    choice: BackendChoice = field(default_factory=BackendChoice, compare=False)
    # The memory format of the module's parameters of four axes.
    channels_last: bool = False
    # The packed ONNX graph, and why it is not used.
    graph: Path | None = None
    graph_fault: str | None = None

    @property
    def inferred(self) -> list[str]:
        """What was inferred without a card, as lines; none with a card."""
        return [] if self.card.golden else [*self.signature.lines, *self.notes]

    @cached_property
    def signature(self) -> Signature:
        return self.card.signature

    @property
    def classes(self) -> list[str]:
        """The classes of the first output that classifies; empty if there is none."""
        return next((each.labels for each in self.signature.outputs if each.classifies), [])

    @property
    def features(self) -> list[str]:
        return [each.name for given in self.signature.inputs for each in given.features or ()]

    @property
    def reference(self) -> list[tuple[Feature, FeatureHistogram]]:
        """Those of the first table that has histograms."""
        if self.card.table and self.card.table.histograms:
            features = self.signature.inputs[0].features or ()
            return list(zip(features, self.card.table.histograms, strict=True))
        for each in self.signature.inputs:
            if each.features and each.histograms:
                return list(zip(each.features, each.histograms, strict=True))
        return []

    @property
    def warnings(self) -> list[str]:
        fault = f"the ONNX graph is not used: {self.graph_fault}"
        return [*self.card.warnings, *([fault] if self.graph_fault else [])]

    @cached_property
    def backend(self) -> Backend:
        return self.open_backend()

    @property
    def backend_name(self) -> str:
        """`onnxruntime`, or `eager` with what differs from the module as it was trained."""
        if self._runs_graph:
            return "onnxruntime"
        if self.channels_last:
            return "eager, channels_last"
        return "eager" if self.choice.device == "cpu" else f"eager on {self.choice.device}"

    @property
    def _runs_graph(self) -> bool:
        return self.graph is not None and self.graph_fault is None and self.choice.takes_graph()

    def open_backend(self) -> Backend:
        """A backend of its own. Raises CardMismatch, UnsafeCheckpoint or MissingExtra."""
        if self._runs_graph and self.graph and self.card.onnx:
            content = read_packed(self.graph, self.card.onnx.sha256)
            return OnnxRuntime(content, self.signature, self.choice.threads)
        return Eager(self.module, self.signature, self.choice.device)

    @cached_property
    def example(self) -> Arrays:
        """The first golden instance; zeros without golden inputs."""
        if not self.golden:
            return zeros(self.signature)
        inputs, _ = self.golden[min(self.golden)]
        return {name: array[:1] for name, array in inputs.items()}

    @cached_property
    def example_is_noise(self) -> bool:
        """Whether the example of an input of pictures is noise, or one colour."""
        inputs = self.golden[max(self.golden)][0] if self.golden else self.example
        return any(is_noise(inputs[each.name], each) for each in self.signature.inputs)

    def run_example(self, module: nn.Module) -> object:
        return self.run_replica(module, self.example)

    def run_replica(self, module: nn.Module, inputs: Mapping[str, Array]) -> Arrays:
        """Run a replica of the module on `inputs`, which do not change. Raises ForwardFailed."""
        copies = {name: array.copy() for name, array in inputs.items()}
        return Eager(module, self.signature)(copies)

    def run(self, inputs: Mapping[str, Array]) -> Arrays:
        """The outputs for `inputs`, whose arrays are owned, writable and C-contiguous.

        Both are by name, as in the signature; axis 0 is the batch axis. Raises ForwardFailed.
        """
        return self.backend(inputs)

    def require_golden_outputs(self, backend: Backend | None = None) -> None:
        """Raise CardMismatch unless the golden inputs give the golden outputs.

        `backend` is the model's own if it is None.
        """
        run = backend or self.backend
        for rows, (inputs, outputs) in self.golden.items():
            try:
                found = run({name: array.copy() for name, array in inputs.items()})
            except ForwardFailed as error:
                where = raised_at(self.module, error)
                raise CardMismatch(f"the golden inputs of {rows} rows: {where}{error}") from None
            for name in found:
                require_close(name, found[name], outputs[name], f"{rows} rows")


def require_close(name: str, found: Array, golden: Array, where: str) -> None:
    """Raise CardMismatch unless the arrays of an output are equal but for rounding."""
    if found.shape != golden.shape:
        raise CardMismatch(
            f"output {name!r} of {where} has shape {list(found.shape)}, not {list(golden.shape)}"
        )
    a, b = found.astype(np.float64), golden.astype(np.float64)
    with np.errstate(invalid="ignore"):
        scale = np.maximum(1, np.abs(b)).max(initial=1, where=np.isfinite(b))
        tolerance = COARSE_TOLERANCE.get(golden.dtype.name, GOLDEN_TOLERANCE) * scale
        close = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= tolerance)
    if not close.all():
        off = np.abs(a - b)[~close].max()
        raise CardMismatch(f"output {name!r} of {where} is off by up to {float(off):.3g}")
