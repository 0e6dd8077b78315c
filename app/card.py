"""The model card: what a state_dict cannot say of itself, as JSON beside the checkpoint."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from app.errors import CardMismatch, UnreadableCheckpoint
from app.files import read_regular_file
from app.reference import Calibration, FeatureHistogram, Frozen, Mahalanobis, TrainingRows

# Far more than the training rows that a card may keep.
MAX_BYTES = 2**24
NUMBERS = re.compile(r"\[\n([^\[\]{}\"]+)\n *\]")


class Feature(Frozen):
    """One input column: its name, its unit where known, and its range in training."""

    name: str = Field(min_length=1)
    unit: str | None = None
    minimum: float
    maximum: float
    example: float


class Architecture(Frozen):
    """The arguments that rebuild the module."""

    module: Literal["Multiclass"] = "Multiclass"
    n_features: int = Field(gt=0)
    n_hidden: int = Field(gt=0)
    n_classes: int = Field(gt=1)
    batch_norm: bool = False


class Hyperparameters(Frozen):
    seed: int
    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: str = "Adam"
    loss: str = "NLLLoss"


class Split(Frozen):
    train_rows: int
    test_rows: int
    test_size: float


class ClassMetrics(Frozen):
    """Test-set precision and recall of one class; support counts its test rows."""

    precision: float
    recall: float
    support: int


class SeedMetrics(Frozen):
    """Test accuracy over repeated runs, each with its own split and initialisation."""

    count: int
    mean_test_accuracy: float
    std_test_accuracy: float


class Metrics(Frozen):
    train_accuracy: float
    test_accuracy: float
    test_loss: float
    per_class: dict[str, ClassMetrics]
    seeds: SeedMetrics | None = None


class Golden(Frozen):
    """Inputs (rows, n_features) and the log-probabilities that they must reproduce."""

    inputs: list[list[float]] = Field(min_length=1)
    log_probabilities: list[list[float]] = Field(min_length=1)

    @model_validator(mode="after")
    def _require_rectangles(self) -> Self:
        for name, rows in self:
            _require_shape(name, rows, len(self.inputs), len(rows[0]))
        return self


def _require_distinct(names: list[str]) -> None:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"repeats {', '.join(repeated)}")


def _require_shape(name: str, rows: Sequence[Sequence[object]], count: int, width: int) -> None:
    if len(rows) != count or any(len(row) != width for row in rows):
        raise ValueError(f"{name} does not fit {count} x {width}")


def _distinct_classes(classes: list[str]) -> list[str]:
    _require_distinct(classes)
    return classes


def _distinct_features(features: list[Feature]) -> list[Feature]:
    _require_distinct([feature.name for feature in features])
    return features


class Card(Frozen):
    """Schema version 1 of the card. `state_sha256` is app.checkpoint.state_sha256."""

    schema_version: Literal[1] = 1
    name: str
    dataset: str
    architecture: Architecture
    features: Annotated[list[Feature], AfterValidator(_distinct_features)]
    classes: Annotated[list[str], AfterValidator(_distinct_classes)]
    hyperparameters: Hyperparameters
    split: Split
    metrics: Metrics
    libraries: dict[str, str]
    state_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    golden: Golden
    calibration: Calibration | None = None
    baseline: list[float] | None = None
    mahalanobis: Mahalanobis | None = None
    histograms: list[FeatureHistogram] | None = None
    training_rows: TrainingRows | None = None

    @model_validator(mode="after")
    def _require_reference_shapes(self) -> Self:
        n_features, n_classes = len(self.features), len(self.classes)
        if self.baseline is not None:
            _require_shape("baseline", [self.baseline], 1, n_features)
        if distances := self.mahalanobis:
            _require_shape("class_means", distances.class_means, n_classes, n_features)
            _require_shape("precision", distances.precision, n_features, n_features)
        if self.histograms is not None:
            _require_shape("histograms", [self.histograms], 1, n_features)
            for each in self.histograms:
                _require_shape("histogram counts", [each.counts], 1, len(each.edges) - 1)
        if kept := self.training_rows:
            _require_shape("training_rows", kept.rows, len(kept.labels), n_features)
            if not all(0 <= label < n_classes for label in kept.labels):
                raise ValueError(f"training_rows has a label outside 0 to {n_classes - 1}")
        return self

    @property
    def scales(self) -> list[float]:
        """The unit of distance of each feature: its training range, or 1 if that is 0."""
        return [feature.maximum - feature.minimum or 1.0 for feature in self.features]

    def to_json(self) -> bytes:
        """Indented, but a list of numbers stands on one line: people read and compare cards."""
        # A line break is never inside a JSON string, so no name is touched.
        text = NUMBERS.sub(
            lambda found: f"[{' '.join(found[1].split())}]", self.model_dump_json(indent=2)
        )
        return (text + "\n").encode()


def card_path(checkpoint: Path) -> Path:
    return checkpoint.with_suffix(".json")


def read_card(path: Path) -> Card:
    """Read and validate a card. Raises CardMismatch in one line naming file and field."""
    if not path.exists():
        raise CardMismatch(f"{path}: no model card; training writes it beside the state")
    try:
        text = read_regular_file(path, MAX_BYTES)
    except UnreadableCheckpoint as error:
        raise CardMismatch(str(error)) from None
    try:
        return Card.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the card"
        raise CardMismatch(f"{path}: {where}: {first['msg']}") from None
