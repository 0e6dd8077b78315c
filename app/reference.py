"""What the card keeps of the training rows: to explain, to doubt, to notice drift.

Every field of the card that uses these is optional, so cards without them stay readable.
"""

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """Base of everything in a card: immutable, finite numbers, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Reliability(Frozen):
    """Over the test rows: mean negative log-likelihood, and expected calibration error.

    The error is the gap between confidence and accuracy, averaged over equal bins of
    confidence (Guo et al. 2017, "On Calibration of Modern Neural Networks").
    """

    negative_log_likelihood: float = Field(ge=0)
    expected_calibration_error: float = Field(ge=0, le=1)


class Calibration(Frozen):
    """A temperature that divides the logits, and what it does on rows it was not fitted on."""

    temperature: float = Field(gt=0)
    fitted_on: str
    fitted_rows: int = Field(gt=0)
    measured_on: str
    measured_rows: int = Field(gt=0)
    bins: int = Field(gt=0)
    before: Reliability
    after: Reliability


class Mahalanobis(Frozen):
    """Class means (n_classes, n_features) and one precision matrix that all classes share.

    `percentiles` are those, 0 to 100, of the training rows' own distances to the nearest
    class mean, in standard deviations.
    """

    class_means: list[list[float]] = Field(min_length=1)
    precision: list[list[float]] = Field(min_length=1)
    percentiles: list[float] = Field(min_length=101, max_length=101)


class FeatureHistogram(Frozen):
    """Training rows by value of one feature: counts (bins,) between edges (bins + 1,).

    The bins are deciles, merged where they coincide; the last one includes its right edge,
    as in numpy.histogram. Edges are float32 values in their shortest text: make them
    float32 again before comparing. Values seen later can lie outside of them.
    """

    edges: list[float] = Field(min_length=2)
    counts: list[int] = Field(min_length=1)


class TrainingRows(Frozen):
    """Rows (stored, n_features) and class indices (stored,), chosen from `total` rows.

    Large data sets are cut to a limit, the same number of each class as far as it has them.
    """

    total: int = Field(gt=0)
    rows: list[list[float]] = Field(min_length=1)
    labels: list[int] = Field(min_length=1)
