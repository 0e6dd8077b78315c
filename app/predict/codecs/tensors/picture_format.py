"""Reads a body that is one PNG or JPEG file, of a model whose one input is a picture."""

from collections.abc import Mapping

from app.predict.headers import Body
from app.predict.instances import Instances
from app.predict.pictures import decode_pictures
from app.predict.tensors.rows import TensorRows
from stateserve.model import TensorModel


class TensorPicture:
    """In: one instance. No answer is a picture."""

    def __init__(self, model: TensorModel, _max_instances: int) -> None:
        self._input = model.signature.inputs[0]

    def decode(self, body: Body, _parameters: Mapping[str, str] = {}, /) -> Instances[TensorRows]:
        """Raises the errors of decode_pictures."""
        rows = decode_pictures([body], self._input, [""])
        return Instances(TensorRows([{self._input.name: rows}]), True)
