"""The training rows by value of one feature."""

from typing import Self

from pydantic import Field, model_validator

from stateserve.model.fields import MAX_COUNT, Count, Frozen, Numbers, require_ascending


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
            require_ascending("edges", self.edges)
            if len(self.counts) != len(self.edges) - 1:
                raise ValueError(f"histogram counts does not fit 1 x {len(self.edges) - 1}")
        rows = sum(self.counts) + self.missing
        if not 0 < rows <= MAX_COUNT:
            raise ValueError(f"counts sum to {rows}, not to 1 to {MAX_COUNT}")
        return self
