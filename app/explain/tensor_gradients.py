"""Attributions of any module: the contribution of each input value to one value of an output."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from app.errors import DeadlineExceeded, NotProvided
from app.explain.attribution import Attributed
from app.explain.unexplained import INTEGERS, missing_extra
from stateserve.checkpoint import Array
from stateserve.errors import ForwardFailed
from stateserve.model import (
    Arrays,
    Output,
    TensorModel,
    describe_failure,
    is_float,
    named_outputs,
    replicate,
    takes_by_name,
    to_array,
    to_tensor,
)

Method = Literal["integrated_gradients", "saliency"]
# The rows of one forward and backward pass, whose activations stay in memory.
ROWS = 10
STEPS = 50


def attribute(
    model: TensorModel,
    inputs: Arrays,
    output: Output,
    index: int,
    method: Method,
    check: Callable[[], None],
) -> Attributed:
    """Attribute the value at `index` of the flat `output` to `inputs`, with one instance each.

    `check` is called before each pass, and may raise. Raises NotProvided for a value that has no
    gradient, or without the extra `explain`; ForwardFailed. Source: Sundararajan et al. 2017,
    arXiv:1703.01365, and Simonyan et al. 2013, arXiv:1312.6034, by Captum.
    """
    names = _float_inputs(model, inputs)
    score = _Score(model, names, output, index, check)
    try:
        return _attributed(score, names, inputs, method)
    except (NotProvided, ForwardFailed, DeadlineExceeded):
        raise
    except Exception as error:
        # From the backward pass: PyTorch has no gradient for some operations.
        reason = describe_failure(error).removeprefix("the model's forward raised ")
        raise NotProvided(f"the output {output.name!r} has no gradient: {reason}") from None


def _float_inputs(model: TensorModel, inputs: Arrays) -> list[str]:
    names = [name for name, array in inputs.items() if is_float(array)]
    if not names:
        raise NotProvided(f"{INTEGERS}; method=none&activations=* shows what each layer gives")
    if tables := [each.name for each in model.signature.inputs if not each.plain]:
        raise NotProvided(
            f"input {tables[0]!r} has categories, booleans or missing values, which have no "
            "gradient; method=shapley explains the columns"
        )
    return names


def _attributed(score: "_Score", names: list[str], inputs: Arrays, method: Method) -> Attributed:
    try:
        from captum.attr import IntegratedGradients, Saliency
    except ImportError as error:
        raise NotProvided(missing_extra(error)) from None
    given, rest = (
        tuple(to_tensor(inputs[name].copy()) for name in part)
        for part in (names, [name for name in inputs if name not in names])
    )
    if method == "saliency":
        # Captum warns of inputs that it has to change.
        given = tuple(each.requires_grad_() for each in given)
        values = Saliency(score).attribute(given, abs=False, additional_forward_args=rest)
        return Attributed(_arrays(names, values), _value(score, given, rest))
    values, delta = IntegratedGradients(score).attribute(
        given,
        additional_forward_args=rest,
        n_steps=STEPS,
        internal_batch_size=ROWS,
        return_convergence_delta=True,
    )
    zeros = tuple(map(torch.zeros_like, given))
    scores = _value(score, given, rest), _value(score, zeros, rest)
    return Attributed(_arrays(names, values), *scores, float(delta))


class _Score:
    """The explained value of each row, as a function of the float inputs, then of the others."""

    def __init__(
        self,
        model: TensorModel,
        names: list[str],
        output: Output,
        index: int,
        check: Callable[[], None],
    ) -> None:
        # Threads share the served module; this one's caches and hooks are its own.
        self._module = replicate(model.module)
        self._order = [each.name for each in model.signature.inputs]
        self._names = names + [name for name in self._order if name not in names]
        self._floats = len(names)
        self._by_name = takes_by_name(model.module, self._order)
        self._output, self._index = output, index
        self._check = check

    def __call__(self, *tensors: Tensor) -> Tensor:
        self._check()
        # Copies, since a module may write to its inputs.
        given = {name: each.clone() for name, each in zip(self._names, tensors, strict=True)}
        try:
            if self._by_name:
                returned = self._module(**given)
            else:
                returned = self._module(*(given[name] for name in self._order))
        except BaseException as error:
            raise ForwardFailed(describe_failure(error)) from error
        found = named_outputs(returned)[self._output.name]
        score = found.reshape(len(found), -1)[:, self._index]
        if torch.is_grad_enabled() and not score.requires_grad:
            raise NotProvided(
                f"the output {self._output.name!r} has no gradient: the module computes it "
                "without one, for instance by argmax or in torch.no_grad()"
            )
        # An input that the output does not depend on has the gradient 0.
        for each in tensors[: self._floats]:
            score = score + (each * 0).reshape(len(each), -1).sum(1)
        return score


def _value(score: _Score, given: tuple[Tensor, ...], rest: tuple[Tensor, ...]) -> float:
    with torch.no_grad():
        return float(score(*given, *rest)[0])


def _arrays(names: list[str], values: tuple[Tensor, ...]) -> dict[str, Array]:
    return {name: to_array(each)[0] for name, each in zip(names, values, strict=True)}
