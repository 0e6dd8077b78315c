"""Reference data in the card, from the training rows: for explanations, calibration and drift.

Every field of the card that uses these is optional, so cards without them stay readable.
"""

import itertools
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

# float32 ends at 3.4e38; the margin lets two linear layers sum without overflow.
LARGEST = 1e30
# No part has so many fields; each unknown one would be an error of its own.
MAX_FIELDS = 100
# The largest integer that JavaScript represents exactly, as all below it.
MAX_COUNT = 2**53
# Far beyond any data; with values up to LARGEST, squared distances stay finite.
MAX_PRECISION = 1e100
# Relative to the largest eigenvalue: rounding can make one of 0 so large.
ROUNDING = 1e-6

Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Text = Annotated[str, Field(max_length=1000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
# A list ends at its first wrong number, since millions of them would be as many errors.
Numbers = Annotated[list[Number], Field(fail_fast=True)]
Rows = Annotated[list[Numbers], Field(min_length=1, fail_fast=True)]


class Frozen(BaseModel):
    """Base of everything in a card: immutable, finite numbers, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _require_few_fields(cls, data: object) -> object:
        if isinstance(data, dict) and len(data) > MAX_FIELDS:
            raise ValueError(f"has {len(data)} fields")
        return data


class Reliability(Frozen):
    """Over the test rows: mean negative log-likelihood, and expected calibration error.

    The error is the gap between confidence and accuracy, averaged over equal bins of
    confidence (Guo et al. 2017, "On Calibration of Modern Neural Networks"). Its interval is
    [low, high], by the calibration's bootstrap.
    """

    negative_log_likelihood: float = Field(ge=0)
    expected_calibration_error: Share
    expected_calibration_error_interval: (
        Annotated[list[Share], Field(min_length=2, max_length=2)] | None
    ) = None

    @model_validator(mode="after")
    def _require_low_then_high(self) -> Self:
        name = "expected_calibration_error_interval"
        _require_order(name, self.expected_calibration_error_interval or [])
        return self


class Bootstrap(Frozen):
    """How an interval was computed: percentiles over resamples, drawn with a seed."""

    level: float = Field(default=0.95, gt=0, lt=1)
    resamples: Count = Field(default=2000, gt=0)
    seed: Count = 0


class Calibration(Frozen):
    """A temperature that divides the logits, and its effect on rows it was not fitted on."""

    # Outside these bounds, all probabilities are equal, or 0 and 1.
    temperature: float = Field(ge=1e-3, le=1e3)
    fitted_on: Text
    fitted_rows: Count = Field(gt=0)
    measured_on: Text
    measured_rows: Count = Field(gt=0)
    bins: Count = Field(gt=0)
    before: Reliability
    after: Reliability
    bootstrap: Bootstrap | None = None

    @model_validator(mode="after")
    def _require_a_bootstrap_for_intervals(self) -> Self:
        intervals = [each.expected_calibration_error_interval for each in (self.before, self.after)]
        if any(intervals) and not self.bootstrap:
            raise ValueError("an interval needs the bootstrap that it came from")
        return self


class Mahalanobis(Frozen):
    """Class means (n_classes, n_features) and one precision matrix for all classes.

    `percentiles` are the percentiles 0 to 100 of the training rows' own distances to the
    nearest class mean, in standard deviations.
    """

    class_means: Rows
    precision: list[
        Annotated[
            list[Annotated[float, Field(ge=-MAX_PRECISION, le=MAX_PRECISION)]],
            Field(fail_fast=True),
        ]
    ] = Field(min_length=1, fail_fast=True)
    percentiles: list[Annotated[float, Field(ge=0)]] = Field(
        min_length=101, max_length=101, fail_fast=True
    )

    @model_validator(mode="after")
    def _require_distances(self) -> Self:
        _require_order("percentiles", self.percentiles)
        size = len(self.class_means[0])
        if len(self.precision) != size or any(len(row) != size for row in self.precision):
            raise ValueError(f"precision does not fit {size} x {size}")
        matrix = np.array(self.precision)
        allowed = ROUNDING * float(np.abs(matrix).max(initial=0))
        if float(np.abs(matrix - matrix.T).max(initial=0)) > allowed:
            raise ValueError("precision is not symmetric")
        if float(np.linalg.eigvalsh(matrix).min(initial=0)) < -allowed:
            raise ValueError("precision has a negative eigenvalue, which no covariance has")
        return self


class FeatureHistogram(Frozen):
    """Training rows by value of one feature: counts (bins,) between edges (bins + 1,), and of those
    without a value, `missing`. Of a boolean or a category there are no edges: it has the counts of
    its codes, as Feature.codes has them.

    The bins are deciles, merged where they coincide; the last one includes its right edge,
    as in numpy.histogram. Edges are float32 values in their shortest text: convert them to
    float32 before comparing. Later values can lie outside of them.
    """

    edges: Numbers | None = Field(
        default=None, min_length=2, exclude_if=lambda edges: edges is None
    )
    counts: list[Count] = Field(min_length=1, fail_fast=True)
    missing: Count = Field(default=0, exclude_if=lambda missing: not missing)

    @model_validator(mode="after")
    def _require_rows_in_bins(self) -> Self:
        if self.edges is not None:
            _require_order("edges", self.edges)
            if len(self.counts) != len(self.edges) - 1:
                raise ValueError(f"histogram counts does not fit 1 x {len(self.edges) - 1}")
        rows = sum(self.counts) + self.missing
        if not 0 < rows <= MAX_COUNT:
            raise ValueError(f"counts sum to {rows}, not to 1 to {MAX_COUNT}")
        return self


class TrainingRows(Frozen):
    """Rows (stored, n_features) and class indices (stored,), chosen from `total` rows.

    Large data sets are cut to a limit, with the same number of rows of each class if it has them.
    """

    total: Count = Field(gt=0)
    rows: Rows
    labels: list[Count] = Field(min_length=1, fail_fast=True)


class RowHashes(Frozen):
    """The lowest hashes of the training rows, ascending, and the share of the rows that are equal
    to another one. stateserve.tables makes and compares them."""

    lowest: list[Count] = Field(min_length=1, fail_fast=True)
    repeated: Share


def _require_order(name: str, values: list[float]) -> None:
    for place, (before, after) in enumerate(itertools.pairwise(values)):
        if after < before:
            raise ValueError(f"{name} descends from {before!r} to {after!r} at {place + 1}")
