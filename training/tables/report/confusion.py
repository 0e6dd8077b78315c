"""Which classes the model confuses."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import confusion_matrix

from training.tables.report.tested import Tested

# More would be no picture.
MOST_CLASSES = 40
MOST_MISTAKES = 20


@dataclass(frozen=True)
class ClassFigures:
    name: str
    rows: int
    recall: float | None
    precision: float | None


class Confusion:
    """Counts of test rows by true class and by predicted class."""

    def __init__(self, tested: Tested) -> None:
        self.classes = tested.classes
        labels = range(len(self.classes))
        found = tested.answers.argmax(axis=1)
        self.counts: np.ndarray = confusion_matrix(tested.truth, found, labels=labels)

    @property
    def is_shown(self) -> bool:
        return len(self.classes) <= MOST_CLASSES

    @property
    def matrix(self) -> list[tuple[str, list[tuple[int, float]]]]:
        """Of each true class, the counts of the predicted classes with their shares."""
        totals = np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        pairs = zip(self.counts.tolist(), (self.counts / totals).tolist(), strict=True)
        rows = [list(zip(counts, shares, strict=True)) for counts, shares in pairs]
        return list(zip(self.classes, rows, strict=True))

    @property
    def mistakes(self) -> list[tuple[str, str, int]]:
        """The most frequent pairs of a true class and another that was predicted."""
        wrong = self.counts.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_MISTAKES]
        places = [divmod(int(place), len(self.classes)) for place in order]
        return [
            (self.classes[true], self.classes[found], int(wrong[true, found]))
            for true, found in places
            if wrong[true, found]
        ]

    @property
    def figures(self) -> list[ClassFigures]:
        """Recall and precision of the classes; of many, those with the lowest recall."""
        right, true, found = self.counts.diagonal(), self.counts.sum(1), self.counts.sum(0)
        figures = [
            ClassFigures(
                name,
                int(true[place]),
                right[place] / true[place] if true[place] else None,
                right[place] / found[place] if found[place] else None,
            )
            for place, name in enumerate(self.classes)
        ]
        if self.is_shown:
            return figures
        return sorted(figures, key=lambda each: 2 if each.recall is None else each.recall)[
            :MOST_CLASSES
        ]
