"""Reference data in the card, from the training rows: for explanations, calibration and drift.

Every field of the card that uses these is optional, so cards without them stay readable.
"""

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from stateserve.model.fields import Count, Frozen, Rows, Share, Text, require_ascending

# Far beyond any data; with values up to LARGEST, squared distances stay finite.
MAX_PRECISION = 1e100
# Relative to the largest eigenvalue: rounding can make one of 0 so large.
ROUNDING = 1e-6


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
        require_ascending(name, self.expected_calibration_error_interval or [])
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
        require_ascending("percentiles", self.percentiles)
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
