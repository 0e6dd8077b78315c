"""Learns how long a forward pass takes, from the passes before."""

import math
import time

import numpy as np

from stateserve.errors import ForwardFailed
from stateserve.model import TensorModel

# Weight of the newest pass; low enough that one slow pass changes little.
SMOOTHING = 0.2
# Beyond the usual size of a pass, each byte is expected to cost at least this part of the mean
# cost of a byte: two passes of nearly one size do not show how the time grows.
LEAST_GROWTH = 0.25
# The first is not measured: it also fills caches.
EXAMPLE_ROWS = (1, 1, 4)


class PassCost:
    """A straight line through the sizes and durations of passes, by weighted least squares.

    A size is the number of bytes of all inputs. An older pass has a smaller weight, by the factor
    1 - SMOOTHING for each newer one.
    """

    def __init__(self) -> None:
        self._passes = 0
        # Bytes of outputs to a byte of inputs, in the last pass.
        self.output_ratio = 0.0
        self._size = self._seconds = 0.0
        self._variance = self._covariance = 0.0

    def measure(self, model: TensorModel) -> None:
        """Learn from passes over the model's example, as one row and as several."""
        for rows in EXAMPLE_ROWS:
            inputs = {name: np.repeat(array, rows, 0) for name, array in model.example.items()}
            size = sum(array.nbytes for array in inputs.values())
            began = time.perf_counter()
            try:
                outputs = model.run(inputs)
            except ForwardFailed:
                # Requests get the same error, if it happens again.
                continue
            seconds = time.perf_counter() - began
            self.learn(size, seconds, sum(array.nbytes for array in outputs.values()))

    def learn(self, size: int, seconds: float, output_bytes: int = 0) -> None:
        self.output_ratio = output_bytes / max(1, size)
        self._passes += 1
        weight = max(SMOOTHING, 1 / self._passes)
        more, longer = size - self._size, seconds - self._seconds
        self._size += weight * more
        self._seconds += weight * longer
        self._variance = (1 - weight) * (self._variance + weight * more * more)
        self._covariance = (1 - weight) * (self._covariance + weight * more * longer)

    def expected(self, size: int) -> float:
        """The seconds of a pass of `size` bytes; infinite before the first pass."""
        if not self._passes:
            return math.inf
        more = size - self._size
        return max(0.0, self._seconds + more * self._slope(beyond=more > 0))

    def size_within(self, seconds: float) -> float:
        """The size of a pass that takes so long; 0 before the first pass.

        While all passes had one size, it is at least twice this size, to see how the time grows.
        """
        if not self._passes:
            return 0.0
        left = seconds - self._seconds
        slope = self._slope(beyond=left > 0)
        more = left / slope if slope else math.copysign(math.inf, left)
        return max(0.0 if self._variance else 2 * self._size, self._size + more)

    def _slope(self, beyond: bool) -> float:
        """Seconds a byte, from 0 to the mean."""
        mean = self._seconds / self._size if self._size else 0.0
        slope = self._covariance / self._variance if self._variance else mean
        return min(max(slope, LEAST_GROWTH * mean if beyond else 0.0), mean)
