"""Training ranges of the columns of a table, from the rows of an example."""

from collections.abc import Mapping

import numpy as np

from stateserve.checkpoint import Array
from stateserve.model.feature import Feature
from stateserve.model.fields import LARGEST
from stateserve.model.signature import Input, Signature
from stateserve.model.signature_inference.histograms import histograms

# Fewer rows show an input, but not the values of a training set.
FEWEST_ROWS = 20


def with_ranges(signature: Signature, rows: Mapping[str, Array]) -> tuple[Signature, list[str]]:
    """The signature, whose features have the ranges and histograms of an example of many rows,
    and notes."""
    inputs, notes = [], []
    for given in signature.inputs:
        example = rows[given.name]
        if given.features and given.dtype != "bool" and len(example) >= FEWEST_ROWS:
            changes: dict[str, object] = {"features": _ranged(given, example)}
            rows32 = example.astype(np.float32)
            if np.abs(rows32[~np.isnan(rows32)]).max(initial=0) <= LARGEST:
                changes["histograms"] = histograms(rows32, given.features)
            given = given.model_copy(update=changes)
            notes.append(
                f"the training ranges of {given.name} are those of the {len(example)} rows of the "
                "example"
            )
        inputs.append(given)
    return signature.model_copy(update={"inputs": inputs}), notes


def _ranged(given: Input, example: Array) -> list[Feature]:
    return [
        _with_range(feature, column) if feature.kind == "number" and not feature.range else feature
        for feature, column in zip(given.features or (), example.T, strict=True)
    ]


def _with_range(feature: Feature, column: Array) -> Feature:
    values = column[np.isfinite(column)]
    if not len(values) or np.abs(values.astype(np.float64)).max() > LARGEST:
        return feature
    ordered = np.sort(values)
    low, middle, high = (float(str(each)) for each in ordered[[0, len(ordered) // 2, -1]])
    return feature.model_copy(update={"minimum": low, "maximum": high, "example": middle})
