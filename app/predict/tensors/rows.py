"""The named input arrays of some instances."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from stateserve.model import Arrays


@dataclass(eq=False)
class TensorRows:
    """The inputs of instances. The arrays of a group have one instance on each place of axis 0.

    Instances whose variable axes have different lengths are in different groups. `places` are
    the positions of the instances in the request, group after group; None for their own order.
    `last` is false for a part that other rows of the request follow. `nbytes` is the memory of
    all arrays.
    """

    groups: Sequence[Arrays]
    places: Sequence[int] | None = None
    last: bool = True
    nbytes: int = field(init=False)
    _count: int = field(init=False)

    def __post_init__(self) -> None:
        # Not on demand: a batch reads them several times.
        self._count = self.nbytes = 0
        for group in self.groups:
            rows = 0
            for array in group.values():
                rows = len(array)
                self.nbytes += array.nbytes
            self._count += rows

    def __len__(self) -> int:
        return self._count

    @property
    def arrays(self) -> Arrays:
        """The arrays of the only group."""
        (arrays,) = self.groups
        return arrays

    def place(self, row: int) -> int:
        """The position in the request of this row of the groups."""
        return row if self.places is None else self.places[row]

    def parts(self, most: Callable[["TensorRows"], int]) -> Iterator["TensorRows"]:
        """Parts of one group each, in order; `most` gives the most rows of the next one."""
        places = self.places or range(len(self))
        start = 0
        for group in self.groups:
            first, end = start, start + _count(group)
            while start < end:
                rest = {name: array[start - first :] for name, array in group.items()}
                stop = min(end, start + most(TensorRows([rest])))
                arrays = {name: array[: stop - start] for name, array in rest.items()}
                yield TensorRows([arrays], places[start:stop], last=stop == len(self))
                start = stop


def _count(group: Arrays) -> int:
    return len(next(iter(group.values())))
