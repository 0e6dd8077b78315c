"""What one running service holds, handed to every endpoint."""

from dataclasses import dataclass, field

from app.errors import NotReady
from app.inference import Inference
from app.metrics import Metrics
from app.settings import Settings


@dataclass
class Service:
    settings: Settings
    metrics: Metrics
    inference: Inference
    warmed_up: bool = field(default=False, init=False)
    draining: bool = field(default=False, init=False)

    def warm_up(self) -> None:
        """Answer the golden prediction once more: the first real one finds all caches hot."""
        self.inference.predictor.require_golden_prediction()
        self.warmed_up = True

    def require_ready(self) -> None:
        """Raise NotReady before the warm-up and while draining."""
        if self.draining:
            raise NotReady("draining: the service is about to stop")
        if not self.warmed_up:
            raise NotReady("the model has not answered its warm-up prediction yet")
