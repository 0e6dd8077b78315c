"""The model card: names, ranges, metrics and reference data of a state, as JSON beside it.

A checkpoint without a card gets a generated one (generated_card.py).
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import AfterValidator, Field, ValidationError, model_validator

from stateserve.checkpoint import read_regular_file
from stateserve.errors import CardMismatch, UnreadableCheckpoint
from stateserve.field_faults import first_fault
from stateserve.json_document import Json, read_json
from stateserve.model.cards.training_data import Calibration, Mahalanobis, TrainingRows
from stateserve.model.cards.training_record import Hyperparameters, Metrics, Split
from stateserve.model.feature import Feature
from stateserve.model.feature_histogram import FeatureHistogram
from stateserve.model.fields import (
    MAX_CLASSES,
    Count,
    Frozen,
    Name,
    Number,
    Rows,
    ShownName,
    Text,
)
from stateserve.text import listed

# Far more than the training rows that a card may hold; checked in about a second.
MAX_BYTES = 2**23
MAX_FEATURES = 10_000
NUMBERS = re.compile(r"\[\n([^\[\]{}\"]+)\n *\]")
NO_CARD = (
    "no model card: features and classes have neutral names, and training ranges, metrics and "
    "reference data are not known; to name them, run `stateserve card CHECKPOINT --like CARD` "
    "or `stateserve card CHECKPOINT --features A,B,... --classes X,Y,...`"
)
NO_RANGES = (
    "the model card has no training ranges: there is no warning about values outside of them"
)
# Training writes all of these and all ranges, `stateserve card` none of these.
TRAINED = ("dataset", "hyperparameters", "split", "metrics")

# float32 ends at 3.4e38. Rounding can make a log-probability slightly positive.
LogProbability = Annotated[float, Field(ge=-3.4e38, le=1e-3)]


class Architecture(Frozen):
    """The arguments that rebuild the module."""

    module: Literal["Multiclass"] = "Multiclass"
    n_features: Count = Field(gt=0)
    n_hidden: Count = Field(gt=0)
    n_classes: Count = Field(gt=1)
    batch_norm: bool = False


class Golden(Frozen):
    """Inputs (rows, n_features) and the log-probabilities that the model must give for them."""

    inputs: Rows
    log_probabilities: list[Annotated[list[LogProbability], Field(fail_fast=True)]] = Field(
        min_length=1, fail_fast=True
    )

    @model_validator(mode="after")
    def _require_rectangles(self) -> Self:
        for name, rows in self:
            _require_shape(name, rows, len(self.inputs), len(rows[0]))
        return self


def _require_distinct(names: Sequence[str]) -> None:
    if repeated := sorted(name for name, count in Counter(names).items() if count > 1):
        raise ValueError(f"repeats {listed(repeated, 3)}")


def _require_shape(name: str, rows: Sequence[Sequence[object]], count: int, width: int) -> None:
    if len(rows) != count or any(len(row) != width for row in rows):
        raise ValueError(f"{name} does not fit {count} x {width}")


def _distinct_classes(classes: list[str]) -> list[str]:
    _require_distinct(classes)
    return classes


def _distinct_features(features: list[Feature]) -> list[Feature]:
    _require_distinct([feature.name for feature in features])
    if others := [feature.name for feature in features if not feature.plain]:
        raise ValueError(f"{others[0]} is no number; schema version 2 has columns of other kinds")
    return features


class Card(Frozen):
    """Schema version 1 of the card. `state_sha256` is stateserve.checkpoint.state_sha256.

    None means unknown. A card in a file has a golden prediction, and all of TRAINED and all
    ranges if it has one of TRAINED.
    """

    schema_version: Literal[1] = 1
    name: ShownName
    dataset: Text | None = None
    architecture: Architecture
    features: Annotated[
        list[Feature],
        Field(min_length=1, max_length=MAX_FEATURES, fail_fast=True),
        AfterValidator(_distinct_features),
    ]
    classes: Annotated[
        list[Name],
        Field(min_length=2, max_length=MAX_CLASSES, fail_fast=True),
        AfterValidator(_distinct_classes),
    ]
    hyperparameters: Hyperparameters | None = None
    split: Split | None = None
    metrics: Metrics | None = None
    libraries: dict[Text, Text] = Field(default={}, max_length=100)
    state_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    golden: Golden | None = None
    calibration: Calibration | None = None
    baseline: Annotated[list[Number], Field(fail_fast=True)] | None = None
    mahalanobis: Mahalanobis | None = None
    histograms: Annotated[list[FeatureHistogram], Field(fail_fast=True)] | None = None
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
        if kept := self.training_rows:
            _require_shape("training_rows", kept.rows, len(kept.labels), n_features)
            if not all(0 <= label < n_classes for label in kept.labels):
                raise ValueError(f"training_rows has a label outside 0 to {n_classes - 1}")
        return self

    @property
    def scales(self) -> list[float]:
        """The unit of distance of each feature: its training range, or 1 if that is 0.

        A range that is 0 in float32 counts as 0, since distances in it would overflow.
        """
        ranges = [feature.range or (0.0, 1.0) for feature in self.features]
        return [high - low if np.float32(high - low) > 0 else 1.0 for low, high in ranges]

    @property
    def warnings(self) -> list[str]:
        """Warnings for users of the model about its card."""
        if not self.golden:
            return [NO_CARD]
        return [] if all(feature.range for feature in self.features) else [NO_RANGES]

    def to_json(self) -> bytes:
        """Indented JSON with each list of numbers on one line, so that cards are easy to diff."""
        return on_lines(self.model_dump_json(indent=2))


def on_lines(text: str) -> bytes:
    """Indented JSON with each list of numbers on one line."""
    # A JSON string has no line break, so names do not change.
    text = NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text)
    return (text + "\n").encode()


def read_card(path: Path) -> Card:
    """Read and validate a card of schema version 1.

    Raises CardMismatch, one line that names file and field.
    """
    return card_of(path, card_content(path))


def card_content(path: Path) -> Json:
    """The JSON value of a card of schema version 1 or 2. Raises CardMismatch."""
    try:
        content = read_json(read_regular_file(path, MAX_BYTES))
    except UnreadableCheckpoint as error:
        raise CardMismatch(str(error)) from None
    except ValueError as error:
        raise CardMismatch(f"{path}: {error}") from None
    version = content.get("schema_version", 1) if isinstance(content, dict) else 1
    # Neither true nor 2.0, which Python takes for 1 and 2.
    if type(version) is not int or version not in (1, 2):
        raise CardMismatch(f"{path}: schema_version: {version!r:.20}; 1 and 2 are read")
    return content


def card_of(path: Path, content: Json) -> Card:
    """Validate the content of a card of schema version 1. Raises CardMismatch."""
    if isinstance(content, dict) and content.get("schema_version") == 2:
        raise CardMismatch(f"{path}: the card of a model with its own code, not of a Multiclass")
    try:
        card = Card.model_validate(content)
    except ValidationError as error:
        raise CardMismatch(f"{path}: {first_fault(error)}") from None
    if missing := _missing(card):
        raise CardMismatch(f"{path}: {missing}: missing")
    return card


def _missing(card: Card) -> str | None:
    if card.golden is None:
        return "golden"
    missing = [name for name in TRAINED if getattr(card, name) is None]
    if len(missing) == len(TRAINED):
        return None
    for place, feature in enumerate(card.features):
        if not feature.range:
            missing.append(f"features.{place}.minimum")
    return missing[0] if missing else None
