"""Load a state into a module strictly: each name and shape of one is in the other."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from stateserve.errors import StateMismatch
from stateserve.model.architectures.fit_hints import AVERAGED, names_hint, prefix_hint
from stateserve.model.architectures.state_keys import MOST_NAMED, key_faults, outline
from stateserve.names import module_prefix
from stateserve.text import first_line, listed

logger = logging.getLogger("stateserve.model")


def load_strictly(module: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Copy `state` into `module`, named `what`, as torch does, hooks of the module included.

    A state without `num_batches_tracked`, or with one name of tied parameters, loads. Raises
    StateMismatch, which lists missing, unexpected and mis-shaped names, sorted.
    """
    expected = module.state_dict(keep_vars=True)
    ties = _ties(expected)
    try:
        found = module.load_state_dict(dict(state), strict=False)
    except (Exception, SystemExit) as error:
        faults = _shape_faults(expected, state, ties) or [first_line(error)]
    else:
        # A module may define load_state_dict itself, and return anything.
        missing = set(getattr(found, "missing_keys", ())) - _tied_to(ties, state)
        unexpected = getattr(found, "unexpected_keys", ())
        faults = [*key_faults(missing, unexpected), *_casts(_tensors(expected), state)]
    # Of other faults than in names no renaming is the answer.
    named = bool(faults)
    faults = faults or _ties_that_differ(ties, state)
    if faults:
        hint = names_hint(_tensors(expected), state) if named else ""
        reason = prefix_hint(expected, state) or f"{'; '.join(faults)}; {outline(state)}{hint}"
        raise StateMismatch(f"the state does not fit {what}: {reason}")


def take_off(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What is below `prefix`, "module" or "module.", in the state, without it; other names are left
    out, and logged.

    Raises StateMismatch if no name begins with it.
    """
    prefix = module_prefix([prefix])
    others = {n: each for n, each in state.items() if not n.startswith(prefix) and n != AVERAGED}
    if state and len(others) == len(state):
        raise StateMismatch(f"no name begins with {prefix!r}; {outline(state)}")
    if others and prefix:
        logger.warning(
            "left out, as not below %r: %s", prefix, listed(sorted(map(repr, others)), MOST_NAMED)
        )
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if name.startswith(prefix)
    }


def require_finite(module: nn.Module) -> None:
    """Raise StateMismatch for NaN, and for infinity in a parameter; a mask may be infinite."""
    for name, tensor in module.state_dict(keep_vars=True).items():
        if not isinstance(tensor, Tensor) or is_lazy(tensor) or not tensor.is_floating_point():
            continue
        # One-byte floats lack the operations; float16 can represent all of them.
        numbers = tensor.detach() if tensor.itemsize > 1 else tensor.detach().half()
        # Fast, and finite only if all are; of large numbers it may overflow.
        if numbers.sum(dtype=torch.promote_types(numbers.dtype, torch.float32)).isfinite():
            continue
        wrong = ~numbers.isfinite() if isinstance(tensor, nn.Parameter) else numbers.isnan()
        if count := int(wrong.sum()):
            raise StateMismatch(f"{name!r:.100} has {count} NaN or infinite values")


def _tensors(expected: Mapping[str, object]) -> dict[str, Tensor]:
    """Without the extra state of a module, which may be any object."""
    return {name: each for name, each in expected.items() if isinstance(each, Tensor)}


def _shape_faults(
    expected: Mapping[str, object], state: Mapping[str, Tensor], ties: Mapping[str, Sequence[str]]
) -> list[str]:
    """Names and shapes that do not fit, where torch refuses the state."""
    missing = expected.keys() - state.keys() - _tied_to(ties, state)
    faults = key_faults(missing, state.keys() - expected.keys())
    differences = [
        f"{name} has shape {list(state[name].shape)}, not {list(want.shape)}"
        for name, want in sorted(_tensors(expected).items())
        if name in state and not is_lazy(want) and want.shape != state[name].shape
    ]
    return faults + ([listed(differences, MOST_NAMED, "; ")] if differences else [])


def _casts(expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> list[str]:
    """Integers in place of floats or the reverse: torch would cast them silently."""
    return [
        f"{name} is {have.dtype}, not {want.dtype}"
        for name, have in sorted(state.items())
        if (want := expected.get(name)) is not None
        and want.is_floating_point() != have.is_floating_point()
    ]


def _ties(expected: Mapping[str, object]) -> dict[str, list[str]]:
    """By name: all names of the same tensor, if there is more than one."""
    by_identity = defaultdict(list)
    for name, each in expected.items():
        by_identity[id(each)].append(name)
    return {name: names for names in by_identity.values() if len(names) > 1 for name in names}


def _tied_to(ties: Mapping[str, Sequence[str]], state: Mapping[str, Tensor]) -> set[str]:
    """The names that the state has under another name."""
    return {name for name, names in ties.items() if any(each in state for each in names)}


def _ties_that_differ(ties: Mapping[str, Sequence[str]], state: Mapping[str, Tensor]) -> list[str]:
    faults = []
    for names in {id(names): names for names in ties.values()}.values():
        first, *others = [name for name in names if name in state] or [""]
        for name in others:
            if not torch.equal(state[first], state[name]):
                faults.append(f"{first} and {name} are one tensor of it, but differ in the state")
    return faults
