"""Whether a state_dict has the keys, shapes and dtypes that a module needs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor

from stateserve.errors import StateMismatch

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
        faults.append(shortened(differences, "; "))
    if faults:
        raise StateMismatch(
            f"the state does not fit {module}: {'; '.join(faults)}; {outline(state)}"
        )


def key_faults(missing: Iterable[str], unexpected: Iterable[str]) -> list[str]:
    """Text for missing and for unexpected names, if there are any; each sorted."""
    faults = []
    if names := sorted(missing):
        faults.append(f"missing {shortened([f'{name:.100}' for name in names])}")
    if names := sorted(unexpected):
        faults.append(f"unexpected {shortened([f'{name!r:.100}' for name in names])}")
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
    return f"it has {len(state)} entries: {shortened(parts)}"


def shortened(parts: Sequence[str], separator: str = ", ") -> str:
    """The first MOST_NAMED parts, and how many more there are."""
    more = f" and {len(parts) - MOST_NAMED} more" if len(parts) > MOST_NAMED else ""
    return separator.join(parts[:MOST_NAMED]) + more
