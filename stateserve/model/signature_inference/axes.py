"""Which axes may have any length, and which of these must have equal lengths."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from stateserve.errors import ForwardFailed
from stateserve.model.architectures.exported_program import TensorSpec
from stateserve.model.equal_axes import Axis
from stateserve.model.fields import ANY
from stateserve.model.signature import Input
from stateserve.model.signature_inference.proof import Runner
from stateserve.model.signature_inference.rows import Rows, resized

# Tried in this order for the length of a dynamic axis: others may not divide, or be too long.
RATIOS = (0.5, 2.0, 0.75, 1.25)
# Of one length; the number of passes doubles with each.
MOST_COMPARED = 6
Axes = Mapping[str, Sequence[int]]


def declared_axes(specs: Sequence[TensorSpec]) -> Axes:
    """The axes of any length in a program of torch.export."""
    return {each.name: [axis for axis, n in enumerate(each.shape) if n == ANY] for each in specs}


def declared_equal(specs: Sequence[TensorSpec]) -> list[list[Axis]]:
    """The axes, besides the batch, whose lengths are one symbol of a program."""
    groups: dict[str, list[Axis]] = {}
    for each in specs:
        for axis, symbol in enumerate(each.symbols):
            if axis and symbol is not None:
                groups.setdefault(symbol, []).append(Axis(each.name, axis))
    return [group for group in groups.values() if len(group) > 1]


def changed_axes(run: Runner, golden: tuple[Rows, Rows], dynamic: Axes) -> Axes:
    """The axes of the outputs whose lengths change with those of the inputs' dynamic axes.

    Raises ValueError if there is no such axis, or the forward takes no other length.
    """
    rows, outputs = golden
    for name, axes in dynamic.items():
        for axis in axes:
            if not 0 < axis < rows[name].ndim:
                raise ValueError(
                    f"dynamic: {name} has the axes 1 to {rows[name].ndim - 1}, not {axis}"
                )
    if not dynamic:
        return {}
    reason = ""
    for ratio in RATIOS:
        other = resized(rows, dynamic, ratio)
        if all(other[name].shape == rows[name].shape for name in dynamic):
            continue
        try:
            shapes = {name: each.shape for name, each in run(other).items()}
        except ForwardFailed as error:
            reason = reason or str(error)
        else:
            return {
                name: [axis for axis, n in enumerate(each.shape) if n != shapes[name][axis]]
                for name, each in outputs.items()
            }
    raise ValueError(f"dynamic: the forward takes no other length of these axes: {reason}")


def tried_equal(run: Runner, row: Rows, dynamic: Axes) -> list[list[Axis]]:
    """The dynamic axes of one length that the forward takes in another length only together."""
    axes = [Axis(name, axis) for name, each in dynamic.items() for axis in each]
    ratio = next((ratio for ratio in RATIOS if _takes(run, row, axes, ratio)), None)
    if ratio is None or len(axes) < 2:
        return []
    bound: dict[int, list[Axis]] = {}
    for each in axes:
        if not _takes(run, row, [each], ratio):
            bound.setdefault(row[each.input].shape[each.axis], []).append(each)
    return [
        group
        for candidates in bound.values()
        if len(candidates) <= MOST_COMPARED
        for group in _groups(run, row, candidates, ratio)
    ]


def _groups(run: Runner, row: Rows, axes: list[Axis], ratio: float) -> Iterator[list[Axis]]:
    """The smallest groups of these axes whose lengths can be changed together."""
    while len(axes) > 1:
        first, *others = axes
        tried = ([first, *more] for n in range(1, len(axes)) for more in combinations(others, n))
        group = next((each for each in tried if _takes(run, row, each, ratio)), None)
        if group is not None:
            yield group
        axes = [each for each in others if each not in (group or ())]


def too_narrow(run: Runner, row: Rows, inputs: Sequence[Input]) -> list[Axis]:
    """The axes that have a fixed length in the signature, though the forward takes another one:
    alone, or together with all others of its length. Those of tables and of pictures of one size
    are left out."""
    found: list[Axis] = []
    fixed = [axis for each in inputs for axis in _fixed(each)]
    for axis in fixed:
        if axis in found:
            continue
        length = row[axis.input].shape[axis.axis]
        equal = [each for each in fixed if row[each.input].shape[each.axis] == length]
        for tried in ([axis], equal):
            if any(_takes(run, row, tried, ratio) for ratio in RATIOS[:2]):
                found += [each for each in tried if each not in found]
                break
    return found


def _fixed(given: Input) -> Iterator[Axis]:
    open_sides = given.image.row_shape if given.image else [ANY] * len(given.row_shape)
    if not given.features:
        for axis, (length, side) in enumerate(
            zip(given.row_shape, open_sides, strict=True), start=1
        ):
            if length > 1 and side == ANY:
                yield Axis(given.name, axis)


def _takes(run: Runner, row: Rows, axes: Collection[Axis], ratio: float) -> bool:
    """Whether the forward takes other lengths of these axes; not 1, which is broadcast."""
    other = resized(row, by_input(axes), ratio)
    lengths = [(row[a.input].shape[a.axis], other[a.input].shape[a.axis]) for a in axes]
    if any(new in (1, old) for old, new in lengths):
        return False
    try:
        run(other)
    except ForwardFailed:
        return False
    return True


def by_input(axes: Iterable[Axis]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for each in axes:
        found.setdefault(each.input, []).append(each.axis)
    return found
