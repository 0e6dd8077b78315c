"""Divisions of integers, where the smallest integer by -1 ends the process."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch._ops import OpOverload

# Of shorter integers the kernels compute the quotient in a longer one.
TRAPPING = (torch.int32, torch.int64)
Number = Tensor | float


def division(operator: OpOverload) -> Callable[..., Tensor]:
    """The operator, but the smallest integer by -1 is itself, as in other kernels of torch."""

    def divide(self: Number, other: Number, *, rounding_mode: str | None = None) -> Tensor:
        dtype = torch.result_type(self, other)
        if rounding_mode != "trunc" or dtype not in TRAPPING:
            divided: Tensor = operator(self, other, rounding_mode=rounding_mode)
            return divided
        dividend, divisor = (torch.as_tensor(each).to(dtype) for each in (self, other))
        inverted = divisor == -1
        quotient = torch.div(dividend, divisor.masked_fill(inverted, 1), rounding_mode="trunc")
        return torch.where(inverted, -dividend, quotient)

    return divide


def division_in_place(operator: OpOverload) -> Callable[..., Tensor]:
    """The same, which writes to its first argument."""
    divide = division(operator)

    def divide_in_place(self: Tensor, other: Number, *, rounding_mode: str | None = None) -> Tensor:
        return self.copy_(divide(self, other, rounding_mode=rounding_mode))

    return divide_in_place


def least_multiple(operator: OpOverload) -> Callable[..., Tensor]:
    """The operator, without the smallest integer: it divides that by -1."""

    def multiply(self: Tensor, other: Tensor) -> Tensor:
        dtype = torch.result_type(self, other)
        if dtype in TRAPPING and any(
            (each == torch.iinfo(dtype).min).any() for each in (self, other)
        ):
            raise ValueError(f"a least common multiple of {torch.iinfo(dtype).min}")
        found: Tensor = operator(self, other)
        return found

    return multiply


def average_pool(operator: OpOverload) -> Callable[..., Tensor]:
    """The operator, with a positive divisor only."""

    def pool(
        self: Tensor,
        kernel_size: Sequence[int],
        stride: Sequence[int] = (),
        padding: Sequence[int] | int = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Tensor:
        if divisor_override is not None and divisor_override < 1:
            raise ValueError(f"a pool of averages with the divisor {divisor_override}")
        averages: Tensor = operator(
            self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        )
        return averages

    return pool
