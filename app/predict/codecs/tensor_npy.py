"""Reads and writes `.npy` bodies of a model with any module: an array in, an array out."""

from collections.abc import Iterable

import numpy as np

from app.errors import InvalidQuery, UnsupportedContent
from app.predict.codecs.json_request import require_at_most
from app.predict.codecs.npy import read_npy
from app.predict.codecs.tensor_values import as_input, require_shape
from app.predict.headers import Body
from app.predict.instances import Instances
from app.predict.media_types import NPY, SAFETENSORS
from app.predict.options import DEFAULT_OPTIONS, Options
from app.predict.tensor_prediction import TensorPrediction
from app.predict.tensor_rows import TensorRows
from stateserve.checkpoint import Array, npy_header
from stateserve.model import TensorModel


class TensorNpy:
    """In: the one input, with a batch axis, or without it for one instance.

    Out: the one output, with a batch axis if the input has it.
    """

    media_type = NPY

    def __init__(self, model: TensorModel, max_instances: int) -> None:
        self._inputs = model.signature.inputs
        self._outputs = model.signature.outputs
        self._limit = max_instances

    def decode(self, body: Body) -> Instances[TensorRows]:
        """Raises MalformedBody, InvalidInstances, BodyTooLarge or UnsupportedContent."""
        if len(self._inputs) > 1:
            raise UnsupportedContent(
                f"{NPY} holds one array; send the {len(self._inputs)} inputs as {SAFETENSORS}"
            )
        given = self._inputs[0]
        shape, order, numbers = read_npy(body, "fiub")
        single = len(shape) == len(given.row_shape)
        if single:
            shape = (1, *shape)
        require_shape(given, shape, "")
        require_at_most(self._limit, shape[0])
        # Reshaped only now: NumPy cannot make an array of some shapes that pass the header check.
        array = as_input(given, numbers.reshape(shape, order=order), "")
        return Instances(TensorRows([{given.name: array}]), single)

    def encode(
        self,
        predictions: Iterable[TensorPrediction],
        instances: Instances[TensorRows],
        options: Options,
        /,
    ) -> memoryview:
        if options != DEFAULT_OPTIONS:
            raise InvalidQuery(f"{NPY} has no place for the parts that the query asks for")
        if len(self._outputs) > 1:
            raise InvalidQuery(f"{NPY} holds one array; accept {SAFETENSORS} for all outputs")
        (output,) = self._outputs
        parts = [prediction.output(output.name) for prediction in predictions]
        found: Array = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if found.dtype.name == "bfloat16":
            found = found.astype(np.float32)
        content = npy_header(found.dtype, found.shape[1:] if instances.single else found.shape)
        return memoryview(content + found.tobytes())
