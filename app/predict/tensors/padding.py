"""Rows of tokens of different lengths share a pass, padded, if the model ignores padding."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import numpy as np

from stateserve.checkpoint import Array
from stateserve.errors import CardMismatch, StateserveError
from stateserve.model import ANY, Arrays, Input, TensorModel, require_close

logger = logging.getLogger("app.predict")
SHORTEST_BUCKET = 8


class Padding:
    """Pads token ids and masks to one length, and cuts the outputs back.

    `pads` are the values that fill shorter rows, for each input of variable length.
    """

    def __init__(self, pads: Mapping[str, int]) -> None:
        self._pads = pads
        self._axes: dict[str, list[int]] = {}

    @classmethod
    def of(cls, model: TensorModel) -> Self | None:
        """None unless padding is known not to change the outputs of the model; the log says why.

        The model card must name the padding of each input of variable length. Then each golden
        row is computed next to a part of itself: both must have the outputs that they have alone.
        """
        open_inputs = [each for each in model.signature.inputs if ANY in each.row_shape]
        if not open_inputs:
            return None
        try:
            padding = cls(_pads(open_inputs))
            rows = list(_golden_rows(model))
            if not rows:
                raise CardMismatch("the card has no golden rows to try padding with")
            for row in rows:
                padding._learn(model, row)
        except StateserveError as error:
            wanted = any(each.tokens and each.tokens.pad is not None for each in open_inputs)
            level = logging.WARNING if wanted else logging.INFO
            logger.log(level, "%s: only rows of one shape share a pass: %s", model.name, error)
            return None
        return padding

    def length(self, arrays: Arrays) -> int | None:
        """The length of these rows; None if their inputs have several."""
        lengths = {arrays[name].shape[1] for name in self._pads}
        return lengths.pop() if len(lengths) == 1 else None

    def bucket(self, arrays: Arrays) -> int | None:
        """The least of 8, 12, 16, 24, 32 and so on that is not below the length."""
        length = self.length(arrays)
        if length is None or length <= SHORTEST_BUCKET:
            return length and SHORTEST_BUCKET
        power = 1 << (length - 1).bit_length()
        return power if length > power * 3 // 4 else power * 3 // 4

    def join(self, parts: Sequence[Arrays]) -> Arrays:
        """All rows in one array for each input, as long as the longest."""
        joined = {}
        for name, first in parts[0].items():
            arrays = [part[name] for part in parts]
            if name not in self._pads:
                joined[name] = np.concatenate(arrays)
                continue
            shape = (sum(map(len, arrays)), max(array.shape[1] for array in arrays))
            filled = joined[name] = np.full(shape, self._pads[name], first.dtype)
            start = 0
            for array in arrays:
                filled[start : start + len(array), : array.shape[1]] = array
                start += len(array)
        return joined

    def cut(self, outputs: Arrays, rows: slice, length: int) -> Arrays:
        """The outputs of some rows, without those of the padding."""
        return {name: self._cut(name, array[rows], length) for name, array in outputs.items()}

    def _cut(self, name: str, array: Array, length: int) -> Array:
        axes = self._axes[name]
        return array[tuple(slice(length if a in axes else None) for a in range(array.ndim))]

    def _learn(self, model: TensorModel, row: Arrays) -> None:
        """Raises CardMismatch or ForwardFailed if padding changes an output."""
        length = self.length(row)
        if length is None or length < 2:
            raise CardMismatch("no golden row shows whether padding changes the outputs")
        part = length * 2 // 3
        short = {name: a[:, :part] if name in self._pads else a for name, a in row.items()}
        of_short, of_row = (model.run(_owned(each)) for each in (short, row))
        together = model.run(self.join([short, row]))
        for output in model.signature.outputs:
            name = output.name
            shapes = zip(of_short[name].shape, of_row[name].shape, strict=True)
            self._axes[name] = [a for a, pair in enumerate(shapes) if pair == (part, length)]
            first, second = together[name][:1], together[name][1:]
            require_close(name, self._cut(name, first, part), of_short[name], "a padded row")
            require_close(name, second, of_row[name], "a row next to a padded one")


def _pads(inputs: Sequence[Input]) -> dict[str, int]:
    """By name. Raises CardMismatch unless rows of different lengths can be padded."""
    pads, missing = {}, []
    for each in inputs:
        if each.row_shape != [ANY]:
            raise CardMismatch(f"{each.line} has more than one value a token")
        if each.tokens is None or each.tokens.pad is None:
            missing.append(each.name)
        else:
            pads[each.name] = each.tokens.pad
    if missing:
        raise CardMismatch(f"the card names no tokens.pad of {', '.join(missing)}")
    return pads


def _golden_rows(model: TensorModel) -> Iterator[Arrays]:
    for rows, (inputs, _) in model.golden.items():
        for row in range(rows):
            yield {name: array[row : row + 1] for name, array in inputs.items()}


def _owned(arrays: Arrays) -> Arrays:
    return {name: array.copy() for name, array in arrays.items()}
