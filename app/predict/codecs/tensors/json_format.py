"""Reads and writes the JSON bodies of a model with any module."""

import re
from collections.abc import Iterable, Mapping, Sequence

from app.errors import MAX_FAULTS, InvalidInstances
from app.predict.codecs.json_request import require_at_most, require_few
from app.predict.codecs.json_text import JsonCursor, JsonObject, describe
from app.predict.codecs.large_instances import SLICE_BYTES, WHOLE_BYTES, ListReader, read_list
from app.predict.codecs.tensors.instance_rows import Part, has_pictures, join_parts, rows_of
from app.predict.codecs.tensors.json_answer import AnswerWriter
from app.predict.codecs.tensors.json_decoder import TensorDecoder
from app.predict.codecs.tensors.json_reader import InstanceInputs, InstanceReader
from app.predict.headers import Body
from app.predict.instances import Instances
from app.predict.json_pointer import escape
from app.predict.media_types import JSON
from app.predict.options import Options
from app.predict.tensors.prediction import TensorPrediction
from app.predict.tensors.rows import TensorRows
from stateserve.errors import Fault
from stateserve.model import ANY, Feature, Input, TensorModel

# A number has up to 25 characters; the rest is for spaces.
BYTES_OF_A_NUMBER = 64
# Of an instance of any length that is not surely valid: the interpreter is blocked for 0.1 s.
MOST_BYTES = 2**22
SPACE = rb"[ \t\n\r]*"


class TensorJson:
    """In: one instance, or `{"instances": [instance, ...]}`; an instance as in InstanceReader.

    Out: as in AnswerWriter.
    """

    media_type = JSON

    def __init__(self, model: TensorModel, max_instances: int) -> None:
        self._inputs = model.signature.inputs
        self._limit = max_instances
        self._reader = InstanceReader(self._inputs)
        self._decoder = TensorDecoder(self._inputs)
        self._list = ListReader(
            self._decoder.decode_list,
            self._reader.read,
            self._part,
            most_bytes_of_one(self._inputs),
            None,
            end_of_instance(self._inputs),
        )
        self._answers = AnswerWriter(model)

    def decode(
        self, body: Body, _parameters: Mapping[str, str] = {}, *, slice_bytes: int = SLICE_BYTES
    ) -> Instances[TensorRows]:
        """Raises MalformedBody, InvalidInstances with JSON pointers, or BodyTooLarge."""
        if len(body) > min(WHOLE_BYTES, slice_bytes):
            parts = read_list(body, self._list, self._limit, slice_bytes)
            if parts is not None:
                return Instances(join_parts(parts, self._inputs), False)
        found = self._decoder.decode(body)
        if found is None:
            return self._parse(body)
        require_at_most(self._limit, len(found.rows))
        return found

    def _parse(self, body: Body) -> Instances[TensorRows]:
        cursor = JsonCursor(body, max(self._list.most_bytes_read, WHOLE_BYTES), only_faulty=True)
        cursor.require_no_mark()
        value = cursor.value("", len(body))
        cursor.require_end()
        single = self._reader.is_bare(value)
        values = [value] if single else _many(value)
        require_at_most(self._limit, len(values))
        faults: list[Fault] = []
        instances = []
        for index, each in enumerate(values):
            at = "" if single else f"/instances/{index}"
            instances.append(self._reader.read(each, at, faults))
            require_few(faults)
        if faults:
            raise InvalidInstances(faults[:MAX_FAULTS])
        return Instances(rows_of(_without_errors(instances), self._inputs), single)

    def _part(self, found: Sequence[InstanceInputs | None]) -> Part:
        instances = _without_errors(found)
        return instances if has_pictures(instances) else rows_of(instances, self._inputs)

    def encode(
        self,
        predictions: Iterable[TensorPrediction],
        instances: Instances[TensorRows],
        options: Options,
        /,
    ) -> bytes | memoryview:
        """One answer for a bare instance, else a list of answers in order."""
        return self._answers.write(predictions, instances, options)


def _without_errors(found: Sequence[InstanceInputs | None]) -> list[InstanceInputs]:
    return [each for each in found if each is not None]


def _many(value: object) -> list[object]:
    """The value of `instances`, which the object has. Raises InvalidInstances."""
    if not isinstance(value, JsonObject):
        raise TypeError(value)
    others = [name for name, _ in value if name != "instances"]
    if others or len(value) > 1:
        faults = [Fault(f"/{escape(name)}", "unknown field") for name in others]
        raise InvalidInstances(faults[:MAX_FAULTS] or [Fault("/instances", "stands twice")])
    many = value[0][1]
    if not isinstance(many, list) or isinstance(many, JsonObject):
        detail = f"{describe(many)} where a list of instances belongs"
        raise InvalidInstances([Fault("/instances", detail)])
    if not many:
        raise InvalidInstances([Fault("/instances", "empty; at least one instance is needed")])
    return many


def most_bytes_of_one(inputs: Sequence[Input]) -> int:
    """The most bytes of an instance without pictures, if its shape is fixed."""
    total = 4096
    for given in inputs:
        numbers = BYTES_OF_A_NUMBER
        for length in given.row_shape:
            numbers *= MOST_BYTES if length == ANY else length
        names = sum(2 * len(each.name) + _longest(each) for each in given.features or ())
        total += MOST_BYTES if given.image else min(numbers, MOST_BYTES) + 8 * names
    return total


def _longest(feature: Feature) -> int:
    return max(map(len, feature.values), default=0) if feature.values else 0


def end_of_instance(inputs: Sequence[Input]) -> re.Pattern[bytes]:
    """Matches the end of an instance that another one follows."""
    depth = len(inputs[0].row_shape)
    ends = [rb"\}" + SPACE + rb"(?=," + SPACE + rb"\{)"]
    if len(inputs) == 1:
        # Alternatives that begin with one character are searched for several times faster.
        more = rb"(?:%b\]){%d}" % (SPACE, depth - 1) if depth else b""
        ends.append((rb"\]" if depth else rb"[0-9a-z]") + more + SPACE + rb"(?=,)")
    return re.compile(b"|".join(ends))
