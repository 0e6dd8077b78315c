"""Whether a state_dict has the keys, shapes and dtypes that a module needs."""

from collections import Counter
from collections.abc import Iterable, Mapping

from torch import Tensor

from stateserve.errors import StateMismatch
from stateserve.text import listed

MOST_NAMED = 8


def require_same_keys(
    expected: Mapping[str, Tensor], state: Mapping[str, Tensor], module: str
) -> None:
    """Raise StateMismatch, which lists missing, unexpected and mis-shaped keys, sorted.

    `module` names what the state has to fit.
    """
    faults = key_faults(expected.keys() - state.keys(), state.keys() - expected.keys())
    differences = [
        difference
        for name in sorted(expected.keys() & state.keys())
        for difference in _differences(name, expected[name], state[name])
    ]
    if differences:
        faults.append(listed(differences, MOST_NAMED, "; "))
    if faults:
        raise StateMismatch(
            f"the state does not fit {module}: {'; '.join(faults)}; {outline(state)}"
        )


def key_faults(missing: Iterable[str], unexpected: Iterable[str]) -> list[str]:
    """Text for missing and for unexpected names, if there are any; each sorted."""
    faults = []
    if names := sorted(missing):
        faults.append(f"missing {listed([f'{name:.100}' for name in names], MOST_NAMED)}")
    if names := sorted(unexpected):
        faults.append(f"unexpected {listed([f'{name!r:.100}' for name in names], MOST_NAMED)}")
    return faults


def _differences(name: str, want: Tensor, have: Tensor) -> list[str]:
    found = []
    if want.shape != have.shape:
        found.append(f"{name} has shape {list(have.shape)}, not {list(want.shape)}")
    if want.dtype != have.dtype:
        found.append(f"{name} is {have.dtype}, not {want.dtype}")
    elif want.layout != have.layout:
        found.append(f"{name} is {have.layout}, not {want.layout}")
    return found


def outline(state: Mapping[str, Tensor]) -> str:
    """The number of entries, in all and by module (the first part of a name)."""
    modules = Counter(name.partition(".")[0] for name in state)
    parts = [f"{name[:100]} {count}" for name, count in modules.items()]
    return f"it has {len(state)} entries: {listed(parts, MOST_NAMED)}"
