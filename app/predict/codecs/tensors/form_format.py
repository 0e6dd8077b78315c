"""Reads forms with files: pictures, and the values of other inputs as JSON."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from app.errors import MAX_FAULTS, InvalidInstances, MalformedBody
from app.predict.codecs.json_request import require_at_most
from app.predict.codecs.json_text import parse_json
from app.predict.codecs.tensors.instance_rows import rows_of
from app.predict.codecs.tensors.json_reader import EncodedPicture, InputReader, InstanceInputs
from app.predict.codecs.tensors.named_arrays import require_names
from app.predict.headers import Body
from app.predict.instances import Instances
from app.predict.json_pointer import escape
from app.predict.media_types import MULTIPART, MediaType
from app.predict.pictures import read_files
from app.predict.tensors.rows import TensorRows
from stateserve.errors import Fault
from stateserve.model import TensorModel


class TensorForm:
    """In: for each instance a part for each input, whose field has the input's name; of a model
    with one input, a field of any name. Parts of the same name belong to instances in their order.

    A part is a PNG or JPEG file for a picture, else a JSON value.
    """

    def __init__(self, model: TensorModel, max_instances: int) -> None:
        self._inputs = model.signature.inputs
        self._readers = {each.name: InputReader(each) for each in self._inputs}
        self._limit = max_instances

    def decode(self, body: Body, parameters: Mapping[str, str] = {}, /) -> Instances[TensorRows]:
        """Raises the errors of read_files and decode_pictures."""
        files = read_files(body, MediaType(MULTIPART, dict(parameters)))
        only = self._inputs[0].name if len(self._inputs) == 1 else None
        # Each with its field and its number there, which a fault names.
        contents: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
        seen: Counter[str] = Counter()
        for file in files:
            at = f"/{escape(file.name)}/{seen[file.name]}"
            contents[only or file.name].append((at, file.content))
            seen[file.name] += 1
        require_names(list(contents), self._inputs)
        counts = {each.name: len(contents[each.name]) for each in self._inputs}
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{count} of {name}" for name, count in counts.items())
            raise InvalidInstances([Fault("", f"parts {listed}; each input has as many")])
        count = len(contents[self._inputs[0].name])
        require_at_most(self._limit, count)
        faults: list[Fault] = []
        instances: list[InstanceInputs] = [{} for _ in range(count)]
        for given in self._inputs:
            for index, (at, content) in enumerate(contents[given.name]):
                if given.image is not None:
                    instances[index][given.name] = EncodedPicture(content, at)
                    continue
                try:
                    value = parse_json(content)
                except MalformedBody as error:
                    raise InvalidInstances([Fault(at, f"no JSON: {error}")]) from None
                found = self._readers[given.name].read(value, at, faults)
                if found is not None:
                    instances[index][given.name] = found
        if faults:
            raise InvalidInstances(faults[:MAX_FAULTS])
        return Instances(rows_of(instances, self._inputs), False)
