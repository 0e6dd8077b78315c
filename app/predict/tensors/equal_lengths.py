"""Checks the lengths of axes that must be equal, such as those of token ids and their mask."""

from collections.abc import Sequence

from app.errors import InvalidInstances
from app.predict.instances import Instances
from app.predict.json_pointer import escape
from app.predict.tensors.rows import TensorRows
from stateserve.errors import Fault
from stateserve.model import Axis, Signature


class EqualLengths:
    """The axes of a signature that must have equal lengths."""

    def __init__(self, signature: Signature) -> None:
        self._groups = signature.equal

    def hold(self, rows: TensorRows) -> bool:
        return not self._groups or all(
            len({arrays[each.input].shape[each.axis] for each in group}) == 1
            for arrays in rows.groups
            for group in self._groups
        )

    def require(self, instances: Instances[TensorRows]) -> None:
        """Raise InvalidInstances, which names the inputs of the first instance that differ."""
        row = 0
        for arrays in instances.rows.groups if self._groups else ():
            at = "" if instances.single else f"/instances/{instances.rows.place(row)}"
            for group in self._groups:
                lengths = [arrays[each.input].shape[each.axis] for each in group]
                if len(set(lengths)) > 1:
                    raise InvalidInstances(_faults(at, group, lengths))
            row += len(next(iter(arrays.values())))


def _faults(at: str, group: Sequence[Axis], lengths: Sequence[int]) -> list[Fault]:
    found = list(zip(group, lengths, strict=True))
    listed = ", ".join(f"axis {each.axis} of {each.input} ({n})" for each, n in found)
    return [
        Fault(f"{at}/{escape(each.input)}", f"length {n}; equal lengths are needed: {listed}")
        for each, n in found
    ]
