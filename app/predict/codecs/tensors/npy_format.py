"""Reads and writes `.npy` bodies of a model with any module: an array in, an array out."""

from collections.abc import Iterable, Mapping

import numpy as np

from app.predict.codecs.npy import read_npy
from app.predict.codecs.tensors.known_npy import KnownNpy
from app.predict.codecs.tensors.named_arrays import output_arrays, read_arrays
from app.predict.headers import Body
from app.predict.instances import Instances
from app.predict.media_types import NPY
from app.predict.options import Options
from app.predict.tensors.prediction import TensorPrediction
from app.predict.tensors.rows import TensorRows
from stateserve.checkpoint import Array, npy_content
from stateserve.model import TensorModel

# Of the accepted dtypes: bool, integers and floats.
KINDS = "biuf"


class TensorNpy:
    """In: the one input, with a batch axis, or without it for one instance.

    Out: the one output, with a batch axis if the input has it.
    """

    media_type = NPY

    def __init__(self, model: TensorModel, max_instances: int) -> None:
        self._inputs = model.signature.inputs
        self._outputs = model.signature.outputs
        self._limit = max_instances
        self._known = KnownNpy(self._inputs[0])

    def decode(self, body: Body, _parameters: Mapping[str, str] = {}, /) -> Instances[TensorRows]:
        """Raises MalformedBody, InvalidInstances or BodyTooLarge."""
        found = self._known.read(body)
        if found is None:
            arrays = {self._inputs[0].name: npy_array(body)}
            found = read_arrays(arrays, self._inputs, self._limit)
            self._known.remember(found)
        return found

    def encode(
        self,
        predictions: Iterable[TensorPrediction],
        instances: Instances[TensorRows],
        options: Options,
        /,
    ) -> memoryview:
        """Raises InvalidQuery."""
        found = output_arrays(predictions, instances, self._outputs, options, NPY)
        (array,) = found.values()
        return memoryview(npy_content(array))


def npy_array(body: Body | memoryview) -> Array:
    """The array in a `.npy` file, over its memory. Raises MalformedBody or InvalidInstances."""
    shape, order, numbers = read_npy(body, KINDS)
    try:
        return numbers.reshape(shape, order=order)
    except ValueError:
        # Without elements, the other lengths may be larger than those of any array.
        return np.empty((0,) * len(shape), numbers.dtype)
