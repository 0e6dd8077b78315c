"""Upsampling, where a scale that does not fit the lengths leads past the end of the input."""

from collections.abc import Callable, Iterator, Sequence

from torch import Tensor
from torch._ops import OpOverload

# Of floating point.
TOLERANCE = 1e-6
SIZES = "output_size"


def resampling(operator: OpOverload) -> Callable[..., Tensor]:
    """The operator, with scales of which the output has the lengths, or none.

    The kernels divide by the scales to find the places in the input, and how many they read.
    """
    names = [each.name for each in operator._schema.arguments]
    scales = [name for name in names if name.startswith("scales")]

    def resample(*args: object, **kwargs: object) -> Tensor:
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        lengths = list(_lengths(given[names[0]], given[SIZES]))
        if len(lengths) != len(scales):
            raise ValueError(f"an upsampling of {len(lengths)} axes with {len(scales)} scales")
        for name, (before, after) in zip(scales, lengths, strict=True):
            scale = given.get(name)
            if isinstance(scale, int | float) and not _fits(scale, before, after):
                raise ValueError(f"an upsampling of {before} to {after} by the scale {scale}")
        resampled: Tensor = operator(*args, **kwargs)
        return resampled

    return resample


def _lengths(input: object, sizes: object) -> Iterator[tuple[int, int]]:
    """The length of each axis before and after."""
    if isinstance(input, Tensor) and isinstance(sizes, Sequence) and input.dim() == len(sizes) + 2:
        yield from zip(input.shape[2:], sizes, strict=True)


def _fits(scale: float, before: int, after: int) -> bool:
    """Whether `after` is the product, without its fraction; longer inputs may be cut a little."""
    return after * (1 - TOLERANCE) <= scale * before <= (after + 1) * (1 + TOLERANCE)
