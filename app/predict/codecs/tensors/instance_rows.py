"""The rows of instances, whose pictures are decoded together."""

from collections.abc import Iterator, Sequence

from app.predict.codecs.tensors.json_reader import EncodedPicture, InstanceInputs
from app.predict.codecs.tensors.row_groups import group
from app.predict.pictures import decode_pictures
from app.predict.tensors.rows import TensorRows
from stateserve.checkpoint import Array
from stateserve.model import Arrays, Input


def rows_of(instances: Sequence[InstanceInputs], inputs: Sequence[Input]) -> TensorRows:
    """Raises the errors of decode_pictures."""
    decoded: list[Arrays] = [{} for _ in instances]
    for given in inputs:
        values = [each[given.name] for each in instances]
        encoded = [each for each in values if isinstance(each, EncodedPicture)]
        pictures: Iterator[Array] = iter(())
        if encoded:
            contents, pointers = [e.content for e in encoded], [e.pointer for e in encoded]
            pictures = iter(decode_pictures(contents, given, pointers))
        for arrays, value in zip(decoded, values, strict=True):
            arrays[given.name] = next(pictures) if isinstance(value, EncodedPicture) else value
    return group(decoded)
