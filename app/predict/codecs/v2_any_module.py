"""The input and output tensors of a model with any module in the Open Inference Protocol."""

from collections.abc import Iterable, Sequence

from app.errors import InvalidTensor
from app.predict.codecs.json_request import require_at_most
from app.predict.codecs.tensors.input_values import as_input
from app.predict.codecs.v2_model import TensorInfo, V2Model
from app.predict.codecs.v2_tensor_data import BYTES, DTYPES, Array, Tensor
from app.predict.instances import Instances
from app.predict.pictures import decode_pictures
from app.predict.tensors.prediction import TensorPrediction
from app.predict.tensors.rows import TensorRows
from stateserve.model import Input, Output, TensorModel

DATATYPES = {"bool": "BOOL", "float16": "FP16", "bfloat16": "BF16"}


class TensorV2(V2Model[TensorRows, TensorPrediction]):
    """The signature's inputs and outputs, under their own names.

    A picture may be sent as BYTES, too: a PNG or JPEG file for each row.
    """

    def __init__(self, model: TensorModel, max_instances: int) -> None:
        signature = model.signature
        self._declared = signature.inputs
        self._limit = max_instances
        classes = {each.name: each.labels for each in signature.outputs if each.classifies}
        inputs, outputs = (
            [TensorInfo(each.name, datatype_of(each), each.shape) for each in tensors]
            for tensors in (signature.inputs, signature.outputs)
        )
        super().__init__(model, inputs, outputs, classes)

    def require_inputs(self, given: Sequence[TensorInfo]) -> None:
        by_name = {info.name: info for info in given}
        if len(given) != len(self.inputs) or by_name.keys() != {each.name for each in self.inputs}:
            names = ", ".join(repr(info.name[:100]) for info in given[:8]) or "none"
            wanted = ", ".join(repr(each.name) for each in self.inputs)
            raise InvalidTensor(self.inputs[0].name, f"the inputs are {wanted}; given: {names}")
        rows = given[0].shape[:1]
        for declared, info in zip(self._declared, self.inputs, strict=True):
            found = by_name[info.name]
            if declared.image is not None and found.datatype == BYTES:
                # One file for each row; Triton's clients send strings as [rows] or [rows, 1].
                if found.shape[1:] not in ([], [1]) or not found.shape[:1] > [0]:
                    raise InvalidTensor(
                        info.name, f"shape {found.shape[:8]}; pictures as {BYTES} have [rows]"
                    )
            elif found.datatype not in DTYPES:
                raise InvalidTensor(
                    info.name, f"datatype {found.datatype[:100]!r}; {info.datatype} is taken"
                )
            elif not declared.fits(found.shape) or found.shape[0] < 1:
                raise InvalidTensor(info.name, f"shape {found.shape[:8]}; {info.shape} is taken")
            if found.shape[:1] != rows:
                raise InvalidTensor(
                    info.name, f"{found.shape[0]} rows, another input has {rows[0]}"
                )
        require_at_most(self._limit, rows[0])

    def instances(self, inputs: Iterable[Tensor]) -> Instances[TensorRows]:
        given = {tensor.name: tensor for tensor in inputs}
        arrays = {each.name: _array(given[each.name], each) for each in self._declared}
        return Instances(TensorRows([arrays]), False)

    def _column(self, name: str, prediction: TensorPrediction) -> Array:
        return prediction.output(name)


def _array(tensor: Tensor, declared: Input) -> Array:
    at = f"/{declared.name}"
    if tensor.datatype != BYTES:
        return as_input(declared, tensor.array, at)
    files: list[bytes] = tensor.array.reshape(-1).tolist()
    return decode_pictures(files, declared, [f"{at}/{index}" for index in range(len(files))])


def datatype_of(declared: Input | Output) -> str:
    """The protocol's name of a dtype."""
    name = declared.dtype
    return DATATYPES.get(name) or name.upper().replace("FLOAT", "FP")
