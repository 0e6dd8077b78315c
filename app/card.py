"""The model card: what a state_dict cannot say of itself, as JSON beside the checkpoint."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from app.errors import CardMismatch


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Feature(_Frozen):
    """One input column: its name, its unit where known, and its range in training."""

    name: str = Field(min_length=1)
    unit: str | None = None
    minimum: float
    maximum: float
    example: float


class Architecture(_Frozen):
    """The arguments that rebuild the module."""

    module: Literal["Multiclass"] = "Multiclass"
    n_features: int = Field(gt=0)
    n_hidden: int = Field(gt=0)
    n_classes: int = Field(gt=1)
    batch_norm: bool = False


class Hyperparameters(_Frozen):
    seed: int
    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: str = "Adam"
    loss: str = "NLLLoss"


class Split(_Frozen):
    train_rows: int
    test_rows: int
    test_size: float


class ClassMetrics(_Frozen):
    """Test-set precision and recall of one class; support counts its test rows."""

    precision: float
    recall: float
    support: int


class SeedMetrics(_Frozen):
    """Test accuracy over repeated runs, each with its own split and initialisation."""

    count: int
    mean_test_accuracy: float
    std_test_accuracy: float


class Metrics(_Frozen):
    train_accuracy: float
    test_accuracy: float
    test_loss: float
    per_class: dict[str, ClassMetrics]
    seeds: SeedMetrics | None = None


class Golden(_Frozen):
    """Inputs (rows, n_features) and the log-probabilities that they must reproduce."""

    inputs: list[list[float]] = Field(min_length=1)
    log_probabilities: list[list[float]] = Field(min_length=1)


def _require_distinct(names: list[str]) -> None:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"repeats {', '.join(repeated)}")


def _distinct_classes(classes: list[str]) -> list[str]:
    _require_distinct(classes)
    return classes


def _distinct_features(features: list[Feature]) -> list[Feature]:
    _require_distinct([feature.name for feature in features])
    return features


class Card(_Frozen):
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

    def to_json(self) -> bytes:
        return (self.model_dump_json(indent=2) + "\n").encode()


def card_path(checkpoint: Path) -> Path:
    return checkpoint.with_suffix(".json")


def read_card(path: Path) -> Card:
    """Read and validate a card. Raises CardMismatch in one line naming file and field."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise CardMismatch(f"{path}: no model card; training writes it beside the state") from None
    except OSError as error:
        raise CardMismatch(f"{path}: {error.strerror or error}") from None
    try:
        return Card.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the card"
        raise CardMismatch(f"{path}: {where}: {first['msg']}") from None
