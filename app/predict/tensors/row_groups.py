"""Puts instances into groups of equal shapes, and their answers back into order."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from app.predict.tensors.rows import TensorRows
from stateserve.model import Arrays

Answer = TypeVar("Answer")


def group(instances: Sequence[Arrays]) -> TensorRows:
    """The rows of instances, whose arrays have no batch axis."""
    places: dict[object, list[int]] = defaultdict(list)
    for place, arrays in enumerate(instances):
        places[tuple(array.shape for array in arrays.values())].append(place)
    groups = [
        {name: np.stack([instances[place][name] for place in found]) for name in instances[0]}
        for found in places.values()
    ]
    if len(groups) == 1:
        return TensorRows(groups)
    return TensorRows(groups, [place for found in places.values() for place in found])


def join(parts: Sequence[TensorRows]) -> TensorRows:
    """The rows of all parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    arrays: dict[object, list[Arrays]] = defaultdict(list)
    places: dict[object, list[int]] = defaultdict(list)
    before = 0
    for part in parts:
        order = part.places if part.places is not None else range(len(part))
        start = 0
        for each in part.groups:
            key = tuple(array.shape[1:] for array in each.values())
            end = start + len(next(iter(each.values())))
            arrays[key].append(each)
            places[key].extend(before + place for place in order[start:end])
            start = end
        before += start
    groups = [
        {name: np.concatenate([each[name] for each in found]) for name in found[0]}
        for found in arrays.values()
    ]
    if len(groups) == 1:
        return TensorRows(groups)
    return TensorRows(groups, [place for key in arrays for place in places[key]])


def in_order(answers: list[Answer], places: Sequence[int] | None) -> list[Answer]:
    """The answers of grouped instances, in the order of the request."""
    if places is None:
        return answers
    ordered = dict(zip(places, answers, strict=True))
    return [ordered[place] for place in range(len(answers))]
