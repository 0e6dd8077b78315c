"""What to do about a state whose names are not those of its module."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence

from torch import Tensor

from stateserve.model.architectures.state_keys import MOST_NAMED

# torch.optim.swa_utils.AveragedModel has it beside the module, whose names begin with "module.".
AVERAGED = "n_averaged"
# Older states, and those of other libraries, lack it; torch then keeps its own.
OPTIONAL = "num_batches_tracked"
STRIP = "--strip-prefix"
KNOWN_PREFIXES = {"module": "DataParallel", "_orig_mod": "torch.compile"}
MOST_RENAMED = 3
CONVERT = "stateserve convert"


def prefix_hint(
    expected: Mapping[str, object], state: Mapping[str, Tensor], *, command: bool = False
) -> str:
    """A prefix of all names in the state, without which they are names of the module, and the
    option, or the command, that takes it off; empty if there is none."""
    names = [name for name in state if name != AVERAGED] or [""]
    parts = names[0].split(".")[:-1]
    for count in range(len(parts), 0, -1):
        prefix = "".join(f"{part}." for part in parts[:count])
        if not all(name.startswith(prefix) for name in names):
            continue
        if any(name.removeprefix(prefix) in expected for name in names):
            made_by = [KNOWN_PREFIXES[part] for part in parts[:count] if part in KNOWN_PREFIXES]
            verb = "name" if len(made_by) > 1 else "names"
            source = f", as {' and '.join(made_by)} {verb} them" if made_by else ""
            taken = _argument(STRIP, prefix)
            taken = f"{CONVERT} {taken} IN OUT" if command else taken
            return f"every name begins with {prefix!r}{source}; {taken} takes it off"
    return ""


def names_hint(expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    """How to take the part of the state that fits, or to rename it; empty if nothing is plain."""
    parts = list(_fitting_parts(expected, state))
    missing = [name for name in expected if name not in state]
    unexpected = [name for name in state if name not in expected]
    hints = []
    if parts:
        shown = " and ".join(repr(prefix) for prefix in parts[:MOST_NAMED])
        taken = _argument(STRIP, parts[0])
        hints.append(f"what is below {shown} fits: {taken} takes it alone")
    modules = _modules(expected)
    if unexpected and not missing and modules.isdisjoint(_modules(unexpected)):
        kept = " ".join(_argument("--only", module) for module in sorted(modules))
        hints.append(f"to leave out what is not expected: {CONVERT} {kept} IN OUT")
    if not parts and (changes := _renamings(missing, unexpected, expected, state)):
        renamed = " ".join(_argument("--rename", f"{old}={new}") for old, new in changes.items())
        hints.append(f"the shapes fit: {CONVERT} {renamed} IN OUT")
    return "".join(f"; {hint:.500}" for hint in hints)


def after_stripping(hint: str, prefix: str) -> str:
    """The hint about the names below `prefix`, as one about the whole names."""
    taken = _argument(STRIP, prefix)
    whole = hint.replace(f"{STRIP} ", taken)
    return f"without {prefix!r}, {whole.replace(CONVERT, f'{CONVERT} {taken}')}"


def _argument(option: str, text: str) -> str:
    # As repr shows it: the names of a file may have any characters.
    return f"{option} {shlex.quote(repr(text)[1:-1])}"


def _modules(names: Iterable[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def _fitting_parts(expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> Iterator[str]:
    """Prefixes below which the state has each name of the module, with its shape."""
    needed = {name: each.shape for name, each in expected.items() if not name.endswith(OPTIONAL)}
    first = next(iter(needed), "")
    for name in state:
        prefix = name.removesuffix(first)
        if not first or prefix == name or not prefix.endswith("."):
            continue
        found = {each: state.get(prefix + each) for each in needed}
        if all(each is not None and each.shape == needed[n] for n, each in found.items()):
            yield prefix


def _renamings(
    missing: Sequence[str],
    unexpected: Sequence[str],
    expected: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
) -> dict[str, str]:
    """Parts of names, by the names that the module has for them; both are in the same order."""
    if len(missing) != len(unexpected) or not missing:
        return {}
    changes: dict[str, str] = {}
    for new, old in zip(missing, unexpected, strict=True):
        if expected[new].shape != state[old].shape:
            return {}
        olds, news = _different_parts(old.split("."), new.split("."))
        if not olds or not news or changes.setdefault(olds, news) != news:
            return {}
    return changes if len(changes) <= MOST_RENAMED else {}


def _different_parts(old: list[str], new: list[str]) -> tuple[str, str]:
    """Both without the parts that they begin and end with in common."""
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    return ".".join(old), ".".join(new)
