"""The rows of instances, whose pictures are decoded together."""

from collections.abc import Iterator, Sequence
from itertools import islice

from app.predict.codecs.tensors.json_reader import EncodedPicture, InstanceInputs
from app.predict.pictures import decode_pictures
from app.predict.tensors.row_groups import group, join
from app.predict.tensors.rows import TensorRows
from stateserve.checkpoint import Array
from stateserve.model import Arrays, Input

# Rows of a part of a request, or instances whose pictures are still encoded.
Part = TensorRows | Sequence[InstanceInputs]


def rows_of(instances: Sequence[InstanceInputs], inputs: Sequence[Input]) -> TensorRows:
    """Raises the errors of decode_pictures."""
    return group(_decode(instances, inputs))


def has_pictures(instances: Sequence[InstanceInputs]) -> bool:
    return any(isinstance(value, EncodedPicture) for each in instances for value in each.values())


def join_parts(parts: Sequence[Part], inputs: Sequence[Input]) -> TensorRows:
    """The rows of all parts in order. The pictures of all parts are decoded together, because
    their limits are those of a request. Raises the errors of decode_pictures."""
    waiting = [each for part in parts if not isinstance(part, TensorRows) for each in part]
    decoded = iter(_decode(waiting, inputs))
    return join(
        [
            part if isinstance(part, TensorRows) else group(list(islice(decoded, len(part))))
            for part in parts
        ]
    )


def _decode(instances: Sequence[InstanceInputs], inputs: Sequence[Input]) -> list[Arrays]:
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
    return decoded
