"""The named input and output tensors of a model in the Open Inference Protocol."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self

import numpy as np

from app.errors import InvalidInference, InvalidTensor
from app.predict.codecs.v2_tensor_data import BYTES, DTYPES, Array, Tensor
from app.predict.instances import Instances
from app.predict.pipeline import Predicted, Rows
from stateserve.model import AnyModel

PLATFORM = "pytorch_state_dict"
SHARED_MEMORY = "shared_memory_region"


@dataclass(frozen=True)
class TensorInfo:
    """-1 in `shape` means any length."""

    name: str
    datatype: str
    shape: list[int]


def require_no_shared_memory(name: str, parameters: Iterable[str]) -> None:
    """Raise InvalidTensor for a tensor in Triton's shared memory, beside which data may stand."""
    if SHARED_MEMORY in parameters:
        raise InvalidTensor(name, f"{SHARED_MEMORY}: shared memory is not supported; send the data")


@dataclass(frozen=True)
class WantedOutput:
    """An output by name; `classification` is the number of most probable classes, as BYTES."""

    name: str
    classification: int | None = None

    @classmethod
    def of(cls, name: str, parameters: Mapping[str, object]) -> Self:
        """An output with its parameters in the request. Raises InvalidTensor."""
        require_no_shared_memory(name, parameters)
        count = parameters.get("classification")
        if count is not None and (type(count) is not int or count < 1):
            raise InvalidTensor(name, f"classification {count!r}; a number of classes is taken")
        return cls(name, count)


class V2Description(Protocol):
    """The parts of a model that the protocol's metadata describe."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def inputs(self) -> Sequence[TensorInfo]: ...

    @property
    def outputs(self) -> Sequence[TensorInfo]: ...


class V2Model(ABC, Generic[Rows, Predicted]):
    """One model's inputs and outputs. `classes` are those of each output that has classes."""

    def __init__(
        self,
        model: AnyModel,
        inputs: Sequence[TensorInfo],
        outputs: Sequence[TensorInfo],
        classes: Mapping[str, Sequence[str]],
    ) -> None:
        self.name, self.version = model.name, model.version
        self.inputs, self.outputs = inputs, outputs
        self._classes = {name: [each.encode() for each in all_] for name, all_ in classes.items()}

    @abstractmethod
    def require_inputs(self, given: Sequence[TensorInfo]) -> None:
        """Check name, datatype and shape before the data. Raises InvalidTensor, BodyTooLarge."""

    @abstractmethod
    def instances(self, inputs: Iterable[Tensor]) -> Instances[Rows]:
        """The rows of checked inputs. Raises InvalidInstances for a wrong value."""

    @abstractmethod
    def _column(self, name: str, prediction: Predicted) -> Array:
        """One output for the rows of a prediction."""

    def wanted(self, outputs: Iterable[WantedOutput]) -> list[WantedOutput]:
        """These outputs, or all if none is given. Raises InvalidInference or InvalidTensor."""
        known = {info.name for info in self.outputs}
        wanted = list(outputs) or [WantedOutput(info.name) for info in self.outputs]
        # Otherwise a short request could have an answer of any length.
        if len(wanted) > len(known) or len({output.name for output in wanted}) < len(wanted):
            raise InvalidInference(f"{len(wanted)} outputs; each of {len(known)} is given once")
        for output in wanted:
            if output.name not in known:
                raise InvalidTensor(output.name, f"no output; known: {', '.join(sorted(known))}")
            if output.classification is not None and output.name not in self._classes:
                of = " and ".join(self._classes) or "no output of this model"
                raise InvalidTensor(output.name, f"classification is of {of}")
        return wanted

    def tensors(
        self, predictions: Iterable[Predicted], wanted: Iterable[WantedOutput]
    ) -> list[Tensor]:
        """The wanted outputs, each over the rows of all predictions."""
        parts = list(predictions)
        return [self._tensor(parts, output) for output in wanted]

    def _tensor(self, parts: list[Predicted], output: WantedOutput) -> Tensor:
        info = next(info for info in self.outputs if info.name == output.name)
        array = np.concatenate([self._column(output.name, part) for part in parts])
        if output.classification is not None:
            return Tensor(info.name, BYTES, self._classify(array, output))
        if info.datatype != BYTES:
            array = array.astype(DTYPES[info.datatype], copy=False)
        return Tensor(info.name, info.datatype, array)

    def _classify(self, values: Array, output: WantedOutput) -> Array:
        """The `count` highest values of each row, as `value:index:label`, highest first."""
        values = values.astype(np.float64)
        order = np.argsort(-values, axis=1, kind="stable")[:, : output.classification]
        highest = np.take_along_axis(values, order, axis=1)
        labels = self._classes[output.name]
        found = np.empty(order.size, object)
        found[:] = [
            b"%f:%d:%b" % (value, index, labels[index])
            for value, index in zip(highest.ravel().tolist(), order.ravel().tolist(), strict=True)
        ]
        return found.reshape(order.shape)
