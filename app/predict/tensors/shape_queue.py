"""The waiting requests of a model with any module, by the shape of their rows."""

from collections import deque
from collections.abc import Callable, Hashable

from app.predict.batching import Entry
from app.predict.pipeline import Item
from app.predict.tensors.prediction import TensorPrediction
from app.predict.tensors.rows import TensorRows

TensorEntry = Entry[Item[TensorRows], TensorPrediction]


class ShapeQueue:
    """One queue for each shape; the shapes take turns, so that a rare one does not wait long."""

    def __init__(self, key_of: Callable[[TensorRows], Hashable]) -> None:
        self._key_of = key_of
        self._queues: dict[Hashable, deque[TensorEntry]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, entry: TensorEntry) -> None:
        key = self._key_of(entry[0][0])
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = deque()
        queue.append(entry)
        self._count += 1

    def take(self, fits: Callable[[TensorEntry], bool]) -> None:
        """Take entries of the next shape, from the front, as long as `fits` accepts them."""
        key = next(iter(self._queues))
        queue = self._queues.pop(key)
        while queue and fits(queue[0]):
            queue.popleft()
            self._count -= 1
        if queue:
            # Now the last in turn.
            self._queues[key] = queue
