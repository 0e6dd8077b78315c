"""The record of a training run in the card: hyperparameters, split and metrics."""

from typing import Annotated

from pydantic import Field

from stateserve.model.fields import MAX_CLASSES, MAX_COUNT, Count, Frozen, Name, Share, Text


class Hyperparameters(Frozen):
    seed: int = Field(ge=-(2**63), lt=2**64)
    epochs: Count
    batch_size: Count
    learning_rate: float = Field(gt=0)
    optimizer: Text = "Adam"
    loss: Text = "NLLLoss"


class Split(Frozen):
    train_rows: Count
    test_rows: Count
    test_size: float = Field(ge=0, le=MAX_COUNT)


class ClassMetrics(Frozen):
    """Test-set precision and recall of one class; support counts its test rows.

    precision is None if the class was predicted for no test row: 0 of 0 is undefined.
    """

    precision: Share | None
    recall: Share
    support: Count


class SeedMetrics(Frozen):
    """Test accuracy over repeated runs, each with its own split and initialisation.

    The runs have the seeds 0 to count - 1; std is the population's (divided by count).
    """

    count: Count
    mean_test_accuracy: Share
    std_test_accuracy: float = Field(ge=0)


class Metrics(Frozen):
    train_accuracy: Share
    test_accuracy: Share
    test_loss: float = Field(ge=0)
    per_class: Annotated[dict[Name, ClassMetrics], Field(max_length=MAX_CLASSES)]
    seeds: SeedMetrics | None = None
