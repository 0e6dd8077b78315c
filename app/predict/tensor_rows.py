"""The named input arrays of some instances."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stateserve.model import Arrays


@dataclass(frozen=True, eq=False)
class TensorRows:
    """The inputs of instances. The arrays of a group have one instance on each place of axis 0.

    Instances whose variable axes have different lengths are in different groups. `places` are
    then the positions of the instances in the request, group after group.
    """

    groups: Sequence[Arrays]
    places: Sequence[int] | None = None

    def __len__(self) -> int:
        return sum(map(_count, self.groups))

    @property
    def arrays(self) -> Arrays:
        """The arrays of the only group."""
        (arrays,) = self.groups
        return arrays

    def parts(self, most: int) -> Iterator["TensorRows"]:
        """Parts of one group each, with at most `most` instances, in the order of the groups."""
        for group in self.groups:
            count = _count(group)
            if count <= most:
                yield TensorRows([group])
                continue
            for start in range(0, count, most):
                rows = slice(start, start + most)
                yield TensorRows([{name: array[rows] for name, array in group.items()}])


def _count(group: Arrays) -> int:
    return len(next(iter(group.values())))
