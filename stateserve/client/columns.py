"""The answers to the rows of an array, a tensor or a DataFrame, as columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint import Array, numpy_values
from stateserve.client import notebook
from stateserve.client.predictions import ModelReference, Prediction, predictions_table
from stateserve.model import Output, classified_output, log_probabilities
from stateserve.tables import ClassDtype, typed_classes

if TYPE_CHECKING:
    from torch import Tensor

INTERVAL_ENDS = ("low", "high")
# An array of NumPy, or a tensor of torch.
Column = TypeVar("Column")


@dataclass(frozen=True, eq=False)
class Predictions(Sequence[Prediction], Generic[Column]):
    """The answers to `len` rows: arrays if the rows were an array, tensors if a tensor.

    `outputs` are those of the module by name, with the rows as axis 0. Of the first output with
    classes there are `labels`, text (rows,), `indices` int64 (rows,), `probabilities` float64
    (rows, classes), and `log_probabilities`; without such an output they are None, and `classes`
    is empty. `rows_out_of_range` counts the rows with a value outside of its training range.

    An item is the Prediction of one row, without the texts of its warnings.
    """

    outputs: dict[str, Column]
    classes: list[str]
    labels: NDArray[np.str_] | None
    indices: Column | None
    probabilities: Column | None
    log_probabilities: Column | None
    units: dict[str, str]
    model: ModelReference
    rows_out_of_range: int

    def __len__(self) -> int:
        return len(cast(Array, next(iter(self.outputs.values()))))

    @overload
    def __getitem__(self, row: int) -> Prediction: ...
    @overload
    def __getitem__(self, row: slice) -> list[Prediction]: ...
    def __getitem__(self, row: int | slice) -> Prediction | list[Prediction]:
        if isinstance(row, slice):
            return [self[each] for each in range(len(self))[row]]
        if self.labels is None:
            outputs = {name: each[row].tolist() for name, each in self._arrays.items()}
            return Prediction(outputs=outputs, units=self.units, model=self.model)
        by_class = cast(Array, self.probabilities)[row].tolist()
        return Prediction(
            label=str(self.labels[row]),
            index=int(cast(Array, self.indices)[row]),
            probabilities=dict(zip(self.classes, by_class, strict=True)),
            outputs={},
            model=self.model,
        )

    @cached_property
    def _arrays(self) -> dict[str, Any]:
        return cast(dict[str, Any], self.outputs)

    def _repr_html_(self) -> str:
        shown = self[: notebook.MOST_ROWS]
        return predictions_table(shown, len(self))


def predictions_of(
    outputs: Mapping[str, Array],
    signature: Sequence[Output],
    model: ModelReference,
    rows_out_of_range: int,
) -> Predictions[Array]:
    """Raw outputs, (rows, ...) each, with the classes that their signature has."""
    found = classified_output(list(signature))
    logs = None if found is None else log_probabilities(found, outputs[found.name])
    indices = None if found is None else outputs[found.name].astype(np.float64).argmax(axis=1)
    classes = [] if found is None else found.labels
    return Predictions(
        outputs=dict(outputs),
        classes=classes,
        labels=None if indices is None else np.array(classes, np.str_)[indices],
        indices=indices,
        probabilities=None if logs is None else np.exp(logs),
        log_probabilities=logs,
        units={each.name: each.unit for each in signature if each.unit},
        model=model,
        rows_out_of_range=rows_out_of_range,
    )


def as_tensors(predictions: Predictions[Array]) -> "Predictions[Tensor]":
    """The same with tensors of torch, over the same memory."""
    from stateserve.model import to_tensor

    def tensor(values: Array | None) -> object:
        return None if values is None else to_tensor(np.require(values, requirements=["C", "W"]))

    outputs = {name: tensor(values) for name, values in predictions.outputs.items()}
    names = ("indices", "probabilities", "log_probabilities")
    changed = {name: tensor(getattr(predictions, name)) for name in names}
    return Predictions(**vars(predictions) | changed | {"outputs": outputs})


def frame_columns(
    outputs: Mapping[str, Array],
    signature: Sequence[Output],
    class_dtype: ClassDtype | None,
    *,
    logs: bool,
) -> dict[str, Sequence[object] | Array]:
    """The columns of a DataFrame: of an output with classes `class` and `probability_CLASS`, of
    another its name, with the number of its place or, of an interval, `low` and `high`. With
    several outputs, the name stands before those of its classes. `class_dtype` is that of the
    column `class`, text if it is None."""
    columns: dict[str, Sequence[object] | Array] = {}
    for output in signature:
        values = outputs[output.name]
        before = "" if len(signature) == 1 else f"{output.name}_"
        if output.classifies:
            wide = log_probabilities(output, values)
            indices = values.astype(np.float64).argmax(axis=1)
            classes = typed_classes(output.labels, class_dtype)
            columns[f"{before}class"] = [classes[index] for index in indices.tolist()]
            kinds = {"probability": np.exp(wide)} | ({"log_probability": wide} if logs else {})
            for kind, numbers in kinds.items():
                names = [f"{before}{kind}_{label}" for label in output.labels]
                columns |= dict(zip(names, numbers.T.copy(), strict=True))
        elif values.ndim == 1:
            columns[output.name] = numpy_values(values)
        elif values.ndim == 2:
            ends = INTERVAL_ENDS if _is_interval(output) else range(values.shape[1])
            names = [f"{output.name}_{end}" for end in ends]
            columns |= dict(zip(names, numpy_values(values).T.copy(), strict=True))
        else:
            columns[output.name] = values.tolist()
    return columns


def _is_interval(output: Output) -> bool:
    """Whether it is the interval of a value, as a trained table's model has it."""
    return output.name == "interval" and output.kind == "values" and output.row_shape == [2]
