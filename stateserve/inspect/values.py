"""Everything that the values of a state say: statistics, findings, initialisation, copies."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from stateserve.checkpoint import Values, dtype_name, first_names, tensor_sha256
from stateserve.errors import StateMismatch
from stateserve.inspect.findings import Findings, find
from stateserve.inspect.initialisations import Initialisation, initialisation
from stateserve.inspect.optimizer import is_slot
from stateserve.inspect.sharing import equal_tensors
from stateserve.inspect.statistics import Statistics, statistics


@dataclass(frozen=True)
class ValueReport:
    """By name. `unread` says why a tensor's values were not read: it is in nothing else.

    `initialisations` lacks tensors of no known layer, those of optimizers, and complex ones.
    `copies` are names of equal tensors that are neither tied nor constant.
    """

    sha256: dict[str, str] = field(default_factory=dict)
    statistics: dict[str, Statistics] = field(default_factory=dict)
    findings: dict[str, Findings] = field(default_factory=dict)
    initialisations: dict[str, Initialisation] = field(default_factory=dict)
    copies: list[list[str]] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)


def read_values(
    state: Mapping[str, Values], done: Callable[[str], object] | None = None
) -> ValueReport:
    """Read every tensor in chunks; `done` is called with the name of each that has been read.

    Raises UnreadableCheckpoint for tensors of a damaged file.
    """
    report = ValueReport()
    shapes = {name: list(tensor.shape) for name, tensor in state.items()}
    firsts = first_names(state)
    for name, tensor in state.items():
        first = firsts[name]
        if first in report.unread:
            report.unread[name] = report.unread[first]
        else:
            try:
                _read(report, name, tensor, first)
            except StateMismatch as error:
                report.unread[name] = str(error)
            else:
                _compare(report, name, tensor, shapes)
        if done is not None:
            done(name)
    unlike = {
        name: digest
        for name, digest in report.sha256.items()
        if math.prod(shapes[name]) > 1 and report.findings[name].constant is None
    }
    report.copies.extend(equal_tensors(state, unlike))
    return report


def _read(report: ValueReport, name: str, tensor: Values, first: str) -> None:
    """`first` is another name of the tensor if it has been read under that name."""
    if first != name:
        report.findings[name] = report.findings[first]
        report.sha256[name] = report.sha256[first]
        report.statistics[name] = report.statistics[first]
        return
    report.findings[name] = find(tensor)
    report.sha256[name] = tensor_sha256(tensor)
    report.statistics[name] = statistics(tensor)


def _compare(
    report: ValueReport, name: str, tensor: Values, shapes: Mapping[str, list[int]]
) -> None:
    if is_slot(name) or dtype_name(tensor).startswith("complex"):
        return
    compared = initialisation(name, shapes, report.statistics[name])
    if compared is not None:
        report.initialisations[name] = compared
