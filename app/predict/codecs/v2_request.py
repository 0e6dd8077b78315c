"""Reads an Open Inference request: JSON, then the tensors sent as bytes."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

import msgspec

from app.errors import InvalidInference, InvalidTensor
from app.predict.codecs.v2_faults import FAULTS, invalid_body, require_each_once
from app.predict.codecs.v2_json_data import from_json
from app.predict.codecs.v2_long_data import CUT_OUT, MAX_OTHER_BYTES, cut_out
from app.predict.codecs.v2_model import TensorInfo, V2Model, WantedOutput, require_no_shared_memory
from app.predict.codecs.v2_tensor_data import DTYPES, Tensor, from_bytes
from app.predict.headers import MOST_DIGITS, Body, Headers
from app.predict.pipeline import Predicted, Rows
from stateserve.model import ANY
from stateserve.text import shown

JSON_LENGTH = "Inference-Header-Content-Length"
JSON_LENGTH_HEADER = JSON_LENGTH.lower().encode()
Parameters = dict[str, str | int | float | bool | None]
Size = Annotated[int, msgspec.Meta(ge=0)]


class Input(msgspec.Struct):
    name: str
    shape: list[Size]
    datatype: str
    parameters: Parameters = {}
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Output(msgspec.Struct):
    name: str
    parameters: Parameters = {}


class Head(msgspec.Struct):
    inputs: list[Input]
    id: str | None = None
    parameters: Parameters = {}
    outputs: list[Output] = []


@dataclass(frozen=True)
class InferRequest:
    """`binary` names the outputs requested as bytes."""

    id: str | None
    inputs: list[Tensor]
    outputs: list[WantedOutput]
    binary: frozenset[str]


_decode = msgspec.json.Decoder(Head).decode


def read_request(headers: Headers, body: Body, model: V2Model[Rows, Predicted]) -> InferRequest:
    """Raises InvalidInference."""
    length = _json_length(headers, len(body))
    if length == 0:
        return _raw_request(body, model)
    try:
        head = _read_head(body, length)
    except FAULTS as error:
        raise invalid_body(error) from None
    binary_by_default = _flag(head.parameters, "binary_data_output", False)
    wanted, binary = [], set()
    for output in head.outputs:
        wanted.append(WantedOutput.of(output.name, output.parameters))
        if _flag(output.parameters, "binary_data", binary_by_default):
            binary.add(output.name)
    outputs = model.wanted(wanted)
    if not wanted and binary_by_default:
        binary = {output.name for output in outputs}
    model.require_inputs([TensorInfo(i.name, i.datatype, i.shape) for i in head.inputs])
    inputs = list(_tensors(head.inputs, memoryview(body)[length:], len(body)))
    return InferRequest(head.id, inputs, outputs, frozenset(binary))


def _json_length(headers: Headers, whole: int) -> int:
    given = headers.get(JSON_LENGTH_HEADER)
    if given is None:
        # An empty body is missing JSON (-1), not one raw tensor (0).
        return whole or -1
    if not given.isdigit() or len(given) > MOST_DIGITS or int(given) > whole:
        raise InvalidInference(
            f"{JSON_LENGTH} {shown(given.decode('latin-1'))}; the body has {whole} bytes"
        )
    return int(given)


def _read_head(body: Body, length: int) -> Head:
    if length <= MAX_OTHER_BYTES:
        text = bytes(body[:length])
        head = _decode(text)
        require_each_once(text, _names_in(head))
        return head
    short, arrays = cut_out(body, length)
    head = _decode(short)
    require_each_once(short, _names_in(head))
    for given in head.inputs:
        if given.data is not msgspec.UNSET and memoryview(given.data) == CUT_OUT and arrays:
            given.data = msgspec.Raw(arrays.pop(0))
    if arrays:
        raise InvalidInference("data that belong to no input")
    return head


def _names_in(head: Head) -> int:
    """The number of names in the JSON of a request without unknown and empty ones."""
    own = 1 + (head.id is not None) + bool(head.outputs) + _names_of(head.parameters)
    of_outputs = sum(1 + _names_of(each.parameters) for each in head.outputs)
    of_inputs = sum(
        3 + (each.data is not msgspec.UNSET) + _names_of(each.parameters) for each in head.inputs
    )
    return own + of_outputs + of_inputs


def _names_of(parameters: Parameters) -> int:
    return 1 + len(parameters) if parameters else 0


def _raw_request(body: Body, model: V2Model[Rows, Predicted]) -> InferRequest:
    """A request whose body is one raw input of one row."""
    if len(model.inputs) > 1:
        names = ", ".join(each.name for each in model.inputs)
        raise InvalidInference(f"a raw body is of a model with one input; the inputs are {names}")
    info = model.inputs[0]
    shape = raw_shape(info, len(body))
    model.require_inputs([TensorInfo(info.name, info.datatype, shape)])
    tensor = from_bytes(info.name, info.datatype, shape, body)
    outputs = model.wanted([])
    return InferRequest(None, [tensor], outputs, frozenset(each.name for each in outputs))


def raw_shape(info: TensorInfo, size: int) -> list[int]:
    """The shape of one row of `size` bytes; of one axis of any length, the length follows."""
    known = math.prod(length for length in info.shape[1:] if length != ANY)
    count = size // (DTYPES[info.datatype].itemsize * max(known, 1))
    if info.shape[1:].count(ANY) > 1:
        raise InvalidTensor(info.name, f"shape {info.shape}; a raw body does not tell its lengths")
    return [1, *(count if length == ANY else length for length in info.shape[1:])]


def _tensors(inputs: list[Input], rest: memoryview, whole: int) -> Iterator[Tensor]:
    for given in inputs:
        require_no_shared_memory(given.name, given.parameters)
        size = given.parameters.get("binary_data_size")
        if size is None:
            if given.data is msgspec.UNSET:
                raise InvalidTensor(given.name, "neither data nor binary_data_size")
            yield from_json(given.name, given.datatype, given.shape, memoryview(given.data))
            continue
        if given.data is not msgspec.UNSET:
            raise InvalidTensor(given.name, "both data and binary_data_size")
        if type(size) is not int or not 0 <= size <= len(rest):
            raise InvalidTensor(given.name, f"binary_data_size {size!r}; {len(rest)} bytes follow")
        data: memoryview | bytes = rest[:size]
        if size < whole // 2:
            # Copied, because a view would keep the whole large body in memory with the rows.
            data = bytes(data)
        yield from_bytes(given.name, given.datatype, given.shape, data)
        rest = rest[size:]
    if rest:
        raise InvalidInference(f"{len(rest)} bytes that belong to no input")


def _flag(parameters: Parameters, name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InvalidInference(f"{name} {value!r}; true or false is taken")
    return value


def require_none_of(parameters: Iterable[str], *, to_load: bool) -> None:
    """Raise InvalidInference for parameters of a repository request: they would have no effect.

    Triton's clients send unload_dependents with each request to unload; no model has any.
    """
    given = sorted({*parameters} - (set() if to_load else {"unload_dependents"}))
    if given:
        rule = "loaded as its files are" if to_load else "unloaded with all its versions"
        raise InvalidInference(f"parameters {', '.join(map(shown, given))}: a model is {rule}")
