"""Tensors compared with the values that torch gives them when it makes their module.

The expected distributions are those of `reset_parameters` in torch.nn 2.13: of Linear, Conv and
ConvTranspose (He et al. 2015 with a = sqrt(5): uniform to 1 / sqrt(fan_in)), Embedding, BatchNorm,
LayerNorm, GroupNorm, RMSNorm, PReLU, RNN, LSTM, GRU and MultiheadAttention (Glorot and Bengio
2010).
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from stateserve.inspect.statistics import Statistics

State = Literal["as initialised", "trained", "collapsed"]
Law = Literal["uniform", "normal", "constant"]
Difference = Literal["spread", "mean", "range"]
# Standard errors: a sample of the law itself exceeds this once in 15,000 tensors.
MOST_ERRORS = 4.0
# Of the expected standard deviation or constant. Embeddings are usually initialised with 0.02.
COLLAPSED = {"uniform": 0.05, "normal": 0.001, "constant": 0.05}
# float16 and bfloat16 round a bound by at most 2**-8 of it.
ROUNDING = 1 + 2.0**-8
TINY = 1e-300
# E[(x - mean)^4] / std^4.
KURTOSIS = {"uniform": 1.8, "normal": 3.0}
EMBEDDING = re.compile(r"emb|wte|wpe|token|position|lookup", re.IGNORECASE)
RECURRENT = re.compile(r"(weight|bias)_(ih|hh|hr)_(l\d+(?:_reverse)?)")
USUAL_WEIGHT = ("weight", "weight_v", "weight_orig")


@dataclass(frozen=True)
class Expected:
    """`std` of the uniform or normal law with mean 0, or the constant's value."""

    layer: str
    law: Law
    std: float


@dataclass(frozen=True)
class Initialisation:
    """How a tensor relates to what torch gives a new one.

    `ratio` is its standard deviation over the expected one (of a constant: its root mean square
    over the constant's value, None if that is 0). `errors` is the larger distance of its standard
    deviation and of its mean from the expected ones, in standard errors of a sample of its size;
    None for constants. `differs` says in what a sample of the law would differ: in its spread, its
    mean, or its range, beyond the bounds of a uniform law; it is empty for constants.

    `state`: "as initialised" if a sample of the law would look so; "collapsed" if it is nearly
    constant where the law is not, or nearly 0 where the constant is not; else "trained", which
    includes other initialisations than torch's.
    """

    layer: str
    law: Law
    expected: float
    ratio: float | None
    errors: float | None
    state: State
    differs: list[Difference] = field(default_factory=list)


def initialisation(
    name: str, shapes: Mapping[str, Sequence[int]], statistics: Statistics
) -> Initialisation | None:
    """Compare a tensor with the laws of the layers that its name and shape allow.

    `shapes` has all tensors of the state. None if the name and shape are of no known layer, or
    no element is finite. Of two possible layers (Linear, Embedding) the nearer is taken.
    """
    candidates = _expected(name, shapes)
    size = math.prod(shapes[name]) - statistics.non_finite
    if not candidates or not size:
        return None
    compared = [_compare(candidate, size, statistics) for candidate in candidates]
    return min(compared, key=lambda each: abs(math.log(each.ratio or TINY)))


def _compare(expected: Expected, size: int, found: Statistics) -> Initialisation:
    low, high, mean, std = found.min or 0.0, found.max or 0.0, found.mean or 0.0, found.std or 0.0
    if expected.law == "constant":
        return _compare_constant(expected, low, high, math.hypot(mean, std))
    # Against the expected mean of 0: of one element, std is 0.
    spread = math.hypot(mean, std)
    ratio = spread / expected.std
    error = math.sqrt((KURTOSIS[expected.law] - 1) / (4 * size))
    errors: dict[Difference, float] = {
        "spread": abs(ratio - 1) / error,
        "mean": abs(mean) / expected.std * math.sqrt(size),
    }
    differs = [name for name, found in errors.items() if found > MOST_ERRORS]
    if expected.law == "uniform" and max(-low, high) > expected.std * math.sqrt(3) * ROUNDING:
        differs.append("range")
    state: State = "trained" if differs else "as initialised"
    if std / expected.std < COLLAPSED[expected.law] and size > 1:
        state = "collapsed"
    most = max(errors.values())
    return Initialisation(expected.layer, expected.law, expected.std, ratio, most, state, differs)


def _compare_constant(expected: Expected, low: float, high: float, size: float) -> Initialisation:
    value = expected.std
    state: State = "trained"
    if low == high == value:
        state = "as initialised"
    elif max(-low, high) < COLLAPSED["constant"] * value:
        state = "collapsed"
    ratio = size / value if value else None
    return Initialisation(expected.layer, "constant", value, ratio, None, state)


def _expected(name: str, shapes: Mapping[str, Sequence[int]]) -> list[Expected]:
    module, _, last = name.rpartition(".")
    start = f"{module}." if module else ""
    shape = shapes[name]
    siblings = {
        each: tuple(shapes[start + each])
        for each in (*USUAL_WEIGHT, "bias", "running_mean")
        if start + each in shapes
    }
    if found := RECURRENT.fullmatch(last):
        return _recurrent(shapes.get(f"{start}weight_hh_{found[3]}"))
    if last in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
        # in_proj_weight has queries, keys and values: its fan_out is all of them, in torch too.
        return [_glorot(shape)] if len(shape) == 2 else []
    if last in ("in_proj_bias", "num_batches_tracked", "running_mean"):
        return [Expected(_NAMED[last], "constant", 0.0)]
    if last == "running_var":
        return [Expected("BatchNorm", "constant", 1.0)]
    if last in USUAL_WEIGHT:
        return _weight(module, tuple(shape), siblings)
    return _bias(start, siblings, shapes) if last == "bias" else []


_NAMED = {
    "in_proj_bias": "MultiheadAttention",
    "num_batches_tracked": "BatchNorm",
    "running_mean": "BatchNorm",
}


def _weight(
    module: str, shape: tuple[int, ...], siblings: Mapping[str, tuple[int, ...]]
) -> list[Expected]:
    if 0 in shape or not shape:
        return []
    if len(shape) == 1:
        norm = Expected(_norm(siblings), "constant", 1.0)
        return [norm] if "bias" in siblings else [norm, Expected("PReLU", "constant", 0.25)]
    if siblings.get("bias") == shape:
        return [Expected("LayerNorm", "constant", 1.0)]
    layer = "Linear" if len(shape) == 2 else "Conv"
    linear = Expected(layer, "uniform", _uniform_std(1 / math.sqrt(math.prod(shape[1:]))))
    embedding = Expected("Embedding", "normal", 1.0)
    if len(shape) > 2 or "bias" in siblings:
        return [linear]
    return [embedding] if EMBEDDING.search(module) else [linear, embedding]


def _norm(siblings: Mapping[str, object]) -> str:
    if "running_mean" in siblings:
        return "BatchNorm"
    return "LayerNorm or GroupNorm" if "bias" in siblings else "RMSNorm"


def _bias(
    start: str, siblings: Mapping[str, tuple[int, ...]], shapes: Mapping[str, Sequence[int]]
) -> list[Expected]:
    weight = next((siblings[each] for each in USUAL_WEIGHT if each in siblings), None)
    if weight is None or 0 in weight:
        return []
    if len(weight) < 2 or weight == siblings["bias"]:
        return [Expected(_norm(siblings), "constant", 0.0)]
    if start.endswith("out_proj.") and f"{start.removesuffix('out_proj.')}in_proj_bias" in shapes:
        return [Expected("MultiheadAttention", "constant", 0.0)]
    layer = "Linear" if len(weight) == 2 else "Conv"
    return [Expected(layer, "uniform", _uniform_std(1 / math.sqrt(math.prod(weight[1:]))))]


def _recurrent(hidden: Sequence[int] | None) -> list[Expected]:
    # weight_hh is [gates * hidden, hidden], or with proj_size [4 * hidden, proj_size].
    if hidden is None or len(hidden) != 2 or 0 in hidden:
        return []
    gates = next((g for g in (4, 3, 1) if hidden[0] == g * hidden[1]), 4)
    return [Expected("RNN, LSTM or GRU", "uniform", _uniform_std(1 / math.sqrt(hidden[0] / gates)))]


def _glorot(shape: Sequence[int]) -> Expected:
    return Expected("MultiheadAttention", "uniform", _uniform_std(math.sqrt(6 / sum(shape))))


def _uniform_std(bound: float) -> float:
    return bound / math.sqrt(3)
