"""What is served: a module with its state and card, loaded whole or not at all."""

from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import Self

import numpy as np

from app.background import in_background
from app.card import Card
from app.certainty import NoveltyDetector
from app.checkpoint import load_checkpoint
from app.compiled import FloatArray, Forward, compile_forward
from app.errors import CardMismatch, StateMismatch
from app.inspection import Entry, describe_module
from app.multiclass import Multiclass
from app.statistics import Array

# The golden prediction may come from another CPU, whose kernels round differently.
GOLDEN_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Predictor:
    """An immutable model: module in evaluation mode, card, name and version."""

    module: Multiclass
    card: Card
    name: str
    version: str = "1"
    _describing: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    @classmethod
    def load(cls, path: Path, name: str | None = None, version: str = "1") -> Self:
        """Load the checkpoint at `path`; without `name` its stem is the model's name.

        Raises CheckpointError, in one line, for any file that must not be served.
        """
        state, card = load_checkpoint(path)
        try:
            predictor = cls(Multiclass.from_state(state), card, name or path.stem, version)
            predictor.require_golden_prediction()
        except (StateMismatch, CardMismatch) as error:
            raise type(error)(f"{path}: {error}") from None
        return predictor

    @cached_property
    def log_probabilities(self) -> Forward:
        """The function from float32 (rows, n_features) to float32 (rows, n_classes)."""
        return compile_forward(self.module)

    def require_golden_prediction(self) -> None:
        """Raise CardMismatch unless the card's sizes and golden prediction are the module's."""
        card, module = self.card, self.module
        sizes = (module.hidden.in_features, module.output.out_features)
        if (len(card.features), len(card.classes)) != sizes:
            raise CardMismatch(
                f"the card has {len(card.features)} features and {len(card.classes)} classes, "
                f"the state {sizes[0]} and {sizes[1]}"
            )
        golden = np.asarray(card.golden.log_probabilities, dtype=np.float32)
        inputs = np.asarray(card.golden.inputs, dtype=np.float32)
        if inputs.shape[1:] != sizes[:1] or golden.shape != (len(inputs), sizes[1]):
            raise CardMismatch("the card's golden prediction has the wrong shape")
        found = self.log_probabilities(inputs)
        # Large logits carry large roundings into every difference between them.
        scale = max(1.0, float(np.abs(golden).max()))
        if not np.allclose(found, golden, rtol=0, atol=GOLDEN_TOLERANCE * scale):
            raise CardMismatch(
                f"the card's golden prediction is not reproduced: it is off by up to "
                f"{float(np.abs(found - golden).max()):.3g}"
            )

    @property
    def state_sha256(self) -> str:
        """The hash that loading verified, as 64 hexadecimal digits."""
        return self.card.state_sha256

    def describe(self) -> Future[list[Entry]]:
        """Every state_dict entry: computed once, in the background, for whoever asks first."""
        with self._describing:
            return self._description

    @cached_property
    def _description(self) -> Future[list[Entry]]:
        return in_background(partial(describe_module, self.module))

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """The state_dict's tensors as NumPy arrays over the same memory."""
        return {name: tensor.numpy() for name, tensor in self.module.state_dict().items()}

    @cached_property
    def novelty(self) -> NoveltyDetector | None:
        """What tells rows unlike the training rows, where the card holds what it takes."""
        mahalanobis = self.card.mahalanobis
        return None if mahalanobis is None else NoveltyDetector.from_card(mahalanobis)

    @cached_property
    def ranges(self) -> tuple[FloatArray, FloatArray]:
        """Smallest and largest training value of each feature, both float32 (n_features, 1)."""
        lowest = np.array([[feature.minimum] for feature in self.card.features], np.float32)
        highest = np.array([[feature.maximum] for feature in self.card.features], np.float32)
        return lowest, highest
