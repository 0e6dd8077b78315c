"""The golden file: inputs and the outputs that the model must give for them, in safetensors."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from stateserve.checkpoint import Array, decode_safetensors, read_regular_file, stream_safetensors
from stateserve.errors import CardMismatch, CheckpointError, UnreadableCheckpoint
from stateserve.model.cards.model_card import GoldenFile, ModelCard
from stateserve.model.probabilities import require_probabilities
from stateserve.model.signature import Kind, Output, Tensor

Golden = dict[int, tuple[dict[str, Array], dict[str, Array]]]
GOLDEN_SUFFIX = ".golden.safetensors"
MAX_BYTES = 2**30
MAX_HEADER_BYTES = 2**20
SIDES = ("inputs", "outputs")
# One row alone, and rows in a batch.
GOLDEN_COUNTS = (1, 3)
# With room for the rounding of bfloat16.
BOUNDS: dict[Kind, tuple[float, float]] = {
    "probabilities": (-0.01, 1.01),
    "log_probabilities": (-math.inf, 0.01),
}


def golden_path(checkpoint: Path) -> Path:
    return checkpoint.with_suffix(GOLDEN_SUFFIX)


def encode_golden(golden: Golden, name: str) -> tuple[bytes, GoldenFile]:
    """The bytes of the golden file `name`, and its entry in the card."""
    tensors = {
        f"{rows}/{side}/{each}": array
        for rows, sides in golden.items()
        for side, arrays in zip(SIDES, sides, strict=True)
        for each, array in arrays.items()
    }
    content = b"".join(stream_safetensors(tensors).chunks)
    return content, GoldenFile(file=name, sha256=hashlib.sha256(content).hexdigest())


def read_golden(card_file: Path, card: ModelCard) -> Golden:
    """The golden arrays of a card, which fit its signature.

    Raises CardMismatch, one line that names the file.
    """
    if card.golden is None:
        raise CardMismatch(f"{card_file}: golden: missing")
    path = card_file.parent / card.golden.file
    try:
        content = read_regular_file(path, MAX_BYTES)
        if hashlib.sha256(content).hexdigest() != card.golden.sha256:
            raise CardMismatch(f"{path}: not the golden file of the card, whose SHA-256 differs")
        if int.from_bytes(content[:8], "little") > MAX_HEADER_BYTES:
            raise CardMismatch(f"{path}: a header of more than {MAX_HEADER_BYTES} bytes")
    except UnreadableCheckpoint as error:
        raise CardMismatch(str(error)) from None
    try:
        return _sorted_out(decode_safetensors(content), card)
    except (CheckpointError, ValueError) as error:
        raise CardMismatch(f"{path}: {error}") from None


def _sorted_out(tensors: Mapping[str, Array], card: ModelCard) -> Golden:
    """By number of rows and side. Raises ValueError unless the tensors are those of the card, for
    each of GOLDEN_COUNTS."""
    left = dict(tensors)
    golden: Golden = {}
    for rows in GOLDEN_COUNTS:
        inputs = _take(left, rows, "inputs", card.inputs)
        outputs = _take(left, rows, "outputs", card.outputs)
        golden[rows] = inputs, outputs
        if empty := [name for name, array in inputs.items() if not array.size]:
            raise ValueError(f"the input {empty[0]!r:.100} of {rows} rows has no values")
        for output in card.outputs:
            _require_kind(output, outputs[output.name])
    if left:
        raise ValueError(f"{min(left)!r:.100} in it is no tensor of the card, for 1 row or for 3")
    return golden


def _take(
    left: dict[str, Array], rows: int, side: str, wanted: Sequence[Tensor]
) -> dict[str, Array]:
    """The arrays of one side, taken out of `left`. Raises ValueError if one is not there."""
    taken: dict[str, Array] = {}
    for each in wanted:
        key = f"{rows}/{side}/{each.name}"
        if key not in left:
            raise ValueError(f"no tensor {key!r:.100} in it")
        taken[each.name] = left.pop(key)
        _require_fit(each, taken[each.name], rows)
    return taken


def _require_fit(tensor: Tensor, array: Array, rows: int) -> None:
    fits = tensor.fits(array.shape) and len(array) == rows
    if array.dtype.name != tensor.dtype or not fits:
        raise ValueError(
            f"{tensor.name!r:.100} of {rows} rows is {array.dtype} {list(array.shape)}; "
            f"the card says {tensor.dtype} {tensor.shape}"
        )


def _require_kind(output: Output, array: Array) -> None:
    low, high = BOUNDS.get(output.kind, (-math.inf, math.inf))
    values = array.astype(np.float64)
    if ((values < low) | (values > high)).any():
        raise ValueError(f"{output.name!r:.100} has values that are no {output.kind}")
    require_probabilities(output, array)
