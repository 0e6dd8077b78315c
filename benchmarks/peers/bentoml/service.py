"""BentoML.

Followed: BentoML's documentation, "Adaptive batching", "Services", "Concurrency" (equal to the
batch size) and "Configurations".
Settings: one worker, adaptive batching of up to 32 rows, no access log.
"""

import bentoml
from pydantic import BaseModel

from benchmarks.peers import iris


class Flower(BaseModel):
    sepal_length: float
    sepal_width: float
    petal_length: float
    petal_width: float


@bentoml.service(workers=1, traffic={"concurrency": 32}, logging={"access": {"enabled": False}})
class Iris:
    def __init__(self) -> None:
        self.model = iris.Iris()

    @bentoml.api(batchable=True, max_batch_size=32, max_latency_ms=1000)
    def predict(self, flowers: list[Flower]) -> list[dict]:
        return self.model([[getattr(f, name) for name in iris.FEATURES] for f in flowers])
