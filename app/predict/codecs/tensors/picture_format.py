"""Reads a body that is one PNG or JPEG file, of a model whose one input is a picture."""

from collections.abc import Mapping

from app.errors import UnsupportedContent
from app.predict.headers import Body
from app.predict.instances import Instances
from app.predict.media_types import JSON
from app.predict.pictures import decode_pictures, is_picture
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


class UndeclaredPicture(TensorPicture):
    """In: one instance, in a body without a media type, such as that of `curl --data-binary`."""

    def decode(self, body: Body, _parameters: Mapping[str, str] = {}, /) -> Instances[TensorRows]:
        if not is_picture(body):
            raise UnsupportedContent(
                "no Content-Type says what the body is, and it is no picture; JSON needs the "
                f"Content-Type {JSON}"
            )
        return super().decode(body)
