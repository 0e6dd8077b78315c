"""A loaded tabular classifier, ready to predict."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import nn

from stateserve.checkpoint import Array
from stateserve.errors import CardMismatch, StateMismatch
from stateserve.model.architectures.compiled import FloatArray, Forward, compile_forward
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.cards.generated_card import golden_prediction, sizes
from stateserve.model.cards.tabular_card import Card
from stateserve.model.certainty import NoveltyDetector
from stateserve.model.checkpoint import load_checkpoint
from stateserve.model.feature import Feature
from stateserve.model.feature_histogram import FeatureHistogram
from stateserve.model.model import Model
from stateserve.model.signature import Input, Output, Signature
from stateserve.text import printable

# The golden prediction may be from another CPU, whose kernels round differently.
GOLDEN_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Predictor(Model[Multiclass, Card]):
    """A tabular classifier: a Multiclass with a card of schema version 1."""

    @classmethod
    def load(
        cls, path: Path, name: str | None = None, version: str = "1", key: str | None = None
    ) -> Self:
        """Load the checkpoint at `path`; the default of `name` is the path's stem.

        `key` is the place of the state in a file that holds more.

        Raises CheckpointError, one line, for a file that cannot be served.
        """
        state, card = load_checkpoint(path, key)
        try:
            predictor = cls(
                Multiclass.from_state(state), card, name or printable(path.stem), version
            )
            predictor.require_golden_prediction()
            # Prepared here, since a request would block the event loop for it.
            _ = predictor.novelty
        except (StateMismatch, CardMismatch) as error:
            raise type(error)(f"{path}: {error}") from None
        return predictor

    @cached_property
    def signature(self) -> Signature:
        width, n_classes = sizes(self.module)
        rows = Input(name="x", dtype="float32", shape=[-1, width], features=self.card.features)
        answer = Output(
            name="log_probabilities",
            dtype="float32",
            shape=[-1, n_classes],
            kind="log_probabilities",
            classes=self.card.classes,
        )
        return Signature(inputs=[rows], outputs=[answer])

    @property
    def backend_name(self) -> str:
        return "numpy"

    @property
    def example(self) -> dict[str, Array]:
        """The card's example of each feature, else 0."""
        return {"x": np.array([[each.example or 0 for each in self.card.features]], np.float32)}

    def run_example(self, module: nn.Module) -> object:
        with torch.inference_mode():
            return module(torch.from_numpy(self.example["x"]))

    @property
    def classes(self) -> list[str]:
        return self.card.classes

    @property
    def reference(self) -> list[tuple[Feature, FeatureHistogram]]:
        return list(zip(self.card.features, self.card.histograms or (), strict=False))

    @property
    def features(self) -> list[str]:
        return [feature.name for feature in self.card.features]

    @cached_property
    def log_probabilities(self) -> Forward:
        """The compiled forward: float32 (rows, n_features) to float32 (rows, n_classes)."""
        return compile_forward(self.module)

    def require_golden_prediction(self) -> None:
        """Raise CardMismatch unless sizes and golden prediction of card and module agree."""
        card = self.card
        n_features, n_classes = sizes(self.module)
        if (len(card.features), len(card.classes)) != (n_features, n_classes):
            raise CardMismatch(
                f"the card has {len(card.features)} features and {len(card.classes)} classes, "
                f"the state {n_features} and {n_classes}"
            )
        inputs, golden = self._golden()
        if inputs.shape[1:] != (n_features,) or golden.shape != (len(inputs), n_classes):
            raise CardMismatch("the card's golden prediction has the wrong shape")
        found = self.log_probabilities(inputs)
        if not np.isfinite(found).all():
            raise CardMismatch(
                "the module gives no finite outputs for its golden inputs: the numbers of its "
                "state are too large"
            )
        # The rounding errors of large logits are in every difference between them.
        scale = np.maximum(1, np.abs(found).max(axis=1, keepdims=True))
        off = np.abs(found - golden)
        if not (off <= GOLDEN_TOLERANCE * scale).all():
            raise CardMismatch(
                f"the {'card' if card.golden else 'module'}'s golden prediction is not "
                f"reproduced: it is off by up to {float(off.max()):.3g}"
            )

    def _golden(self) -> tuple[FloatArray, FloatArray]:
        """Inputs and their log-probabilities, from the card, or else from the module itself."""
        if golden := self.card.golden:
            return np.array(golden.inputs, np.float32), np.array(
                golden.log_probabilities, np.float32
            )
        return golden_prediction(self.module, self.card.features)

    @cached_property
    def novelty(self) -> NoveltyDetector | None:
        """Detects rows unlike the training rows; None if the card lacks the data for it."""
        mahalanobis = self.card.mahalanobis
        return (
            None
            if mahalanobis is None
            else NoveltyDetector.from_card(mahalanobis, self.card.training_rows)
        )

    @cached_property
    def ranges(self) -> tuple[FloatArray, FloatArray]:
        """Smallest and largest training value of each feature, both float32 (n_features, 1);
        infinite if unknown."""
        nothing_outside = -np.inf, np.inf
        ranges = [feature.range or nothing_outside for feature in self.card.features]
        lowest, highest = np.array(ranges, np.float32).T[..., np.newaxis].copy()
        return lowest, highest
