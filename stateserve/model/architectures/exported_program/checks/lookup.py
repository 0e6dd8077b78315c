"""Bags of embeddings and attention, whose kernels rely on offsets and numbers of heads."""

from collections.abc import Callable

from torch import Tensor
from torch._ops import OpOverload

MODES = 3


def bag(operator: OpOverload) -> Callable[..., object]:
    """The operator, for offsets that cut the indices into bags, in order."""

    def embed(
        weight: Tensor,
        indices: Tensor,
        offsets: Tensor,
        scale_grad_by_freq: bool = False,
        mode: int = 0,
        sparse: bool = False,
        per_sample_weights: Tensor | None = None,
        *rest: object,
        **named: object,
    ) -> object:
        if (
            weight.dim() != 2
            or indices.dim() != 1
            or offsets.dim() != 1
            or mode not in range(MODES)
        ):
            raise ValueError(
                f"an embedding of {list(indices.shape)} in bags with offsets {list(offsets.shape)}"
            )
        places = [0, *offsets.tolist(), len(indices)]
        if places != sorted(places) or len(places) == 2:
            raise ValueError(
                f"an embedding of {len(indices)} indices in bags with offsets that do not cut them"
            )
        if per_sample_weights is not None and per_sample_weights.shape != indices.shape:
            raise ValueError(
                f"an embedding of {len(indices)} indices in bags with another number of weights"
            )
        return operator(
            *(weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights),
            *rest,
            **named,
        )

    return embed


def attention(operator: OpOverload) -> Callable[..., object]:
    """The operator, with one head and more: the kernel divides by their number."""

    def attend(query: Tensor, key: Tensor, value: Tensor, *rest: object, **named: object) -> object:
        if any(each.dim() > 2 and not each.shape[-3] for each in (key, value)):
            raise ValueError(f"an attention without heads, {list(key.shape)}")
        return operator(query, key, value, *rest, **named)

    return attend
