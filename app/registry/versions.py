"""The versions of one model: where each stands, and which of them is the default."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Literal

from app.registry.folder import Candidate, Stamp
from app.registry.loader import Served
from app.settings import VersionPolicy
from stateserve.errors import StateserveError
from stateserve.text import printable

State = Literal["READY", "LOADING", "UNAVAILABLE"]
UNSELECTED = "not selected by the version policy"
UNLOADED = "unloaded"


@dataclass(frozen=True)
class VersionStatus:
    """Where one version stands; READY with a reason serves on, but refused a newer file."""

    name: str
    version: str
    state: State
    reason: str | None
    default: bool


@dataclass
class Version(Generic[Served]):
    """`served` answers requests; `stamp` is of the files that were read last.

    Someone who named this version wants it or does not; None leaves it to the policy.
    """

    served: Served | None = None
    reason: str | None = UNSELECTED
    loading: bool = False
    stamp: Stamp | None = None
    wanted: bool | None = None

    @property
    def state(self) -> State:
        if self.served is not None:
            return "READY"
        return "LOADING" if self.loading else "UNAVAILABLE"


@dataclass(frozen=True)
class PlannedVersion:
    """A Version without what serves it; of one that does, `stamp` is of its files."""

    served: bool
    reason: str | None
    stamp: Stamp | None
    wanted: bool | None


@dataclass(frozen=True)
class Plan:
    """What one process serves of a model, for another to serve the same."""

    versions: dict[str, PlannedVersion]
    pinned: str | None
    pinned_over: int


class Versions(Generic[Served]):
    """Reads no file itself: app.registry loads what this says is due, and holds the lock."""

    def __init__(self, name: str, policy: VersionPolicy, beside: Collection[str] = ()) -> None:
        self.name = name
        self._beside = frozenset(beside)
        self.lock = asyncio.Lock()
        self.known: dict[str, Version[Served]] = {}
        self._policy = policy
        self._pinned: str | None = None
        self._pinned_over = 0

    @property
    def ready(self) -> dict[str, Served]:
        return {v: each.served for v, each in self.known.items() if each.served is not None}

    @property
    def default(self) -> str | None:
        """The highest that is ready; once one is pinned, that, until one newer than all is.

        What stands beside the default becomes it only by being pinned.
        """
        ready = self.ready
        highest = max(ready.keys() - self._beside, key=int, default=None)
        if self._pinned in ready and int(highest or 0) <= self._pinned_over:
            return self._pinned
        return highest

    def why_not(self, version: str | None = None) -> str:
        """Why a version is not served; without one, as the highest has it."""
        each = self.known.get(version or max(self.known, key=int))
        if each is None:
            return ""
        if version is None and each.served is not None:
            return f"only {' and '.join(sorted(self.ready))}, as canary or shadow"
        return "it is being loaded" if each.loading else each.reason or UNLOADED

    def statuses(self) -> list[VersionStatus]:
        default = self.default
        return [
            VersionStatus(self.name, v, each.state, each.reason, v == default)
            for v, each in sorted(self.known.items(), key=lambda item: int(item[0]))
        ]

    def update(self, found: Collection[str]) -> None:
        """Know what is on disk, and forget what is neither there nor in service."""
        for version in self.known.keys() - set(found) - self.ready.keys():
            del self.known[version]
        for version in found:
            self.known.setdefault(version, Version())

    def due(self, found: Mapping[str, Candidate]) -> Iterator[Candidate]:
        """Yield what stands beside the default, then what the policy selects, highest first.

        Each only if it is not loaded as it lies on disk.

        The caller settles each before it asks for the next: a version that could not be
        loaded gives its place to the one below. At the end, what is no longer selected is
        let go of, if anything that is selected is ready.
        """
        self.update(found)
        beside = found.keys() & self._beside
        yield from filter(self._is_due, map(found.__getitem__, sorted(beside, key=int)))
        selected: list[str] = []
        for version in self._policy.order(found.keys() - beside):
            if len(selected) == self._policy.limit:
                break
            each = self.known[version]
            if self._is_due(found[version]):
                yield found[version]
            if each.served is not None or each.wanted is False:
                selected.append(version)
        if not self.ready.keys().isdisjoint(selected):
            self._release_others(selected)

    def _is_due(self, candidate: Candidate) -> bool:
        each = self.known[candidate.version]
        return each.stamp != candidate.stamp and each.wanted is not False

    @contextmanager
    def loading(self, version: str) -> Iterator[None]:
        """Show it as LOADING, unless an older state of its files serves on meanwhile."""
        each = self.known[version]
        each.loading, each.reason = True, None
        try:
            yield
        finally:
            each.loading = False

    def settle(self, candidate: Candidate, outcome: Served | Exception) -> None:
        """Record what came of loading: after a failure the old one, if any, serves on."""
        each = self.known[candidate.version]
        each.stamp = candidate.stamp
        if isinstance(outcome, StateserveError):
            each.reason = printable(str(outcome))
        elif isinstance(outcome, Exception):
            each.reason = f"an unexpected {type(outcome).__name__}; it is in the log"
        else:
            each.served, each.reason, each.wanted = outcome, None, each.wanted or None

    def make_due(self) -> None:
        """Make everything due that the policy selects, what was withdrawn included."""
        for each in self.known.values():
            each.stamp, each.wanted = None, each.wanted or None

    def withdraw(self, version: str) -> None:
        each = self.known[version]
        each.served, each.reason, each.wanted = None, UNLOADED, False
        if self._pinned == version:
            self._pinned = None

    def pin(self, version: str) -> None:
        """Make it the default, above every version that there is by now."""
        self._pinned, self._pinned_over = version, max(map(int, self.known))

    def plan(self) -> Plan:
        versions = {
            version: PlannedVersion(each.served is not None, each.reason, each.stamp, each.wanted)
            for version, each in self.known.items()
        }
        return Plan(versions, self._pinned, self._pinned_over)

    def missing(self, plan: Plan) -> list[str]:
        """The versions that are to be served, but are not, or are of other files."""
        missing = []
        for version, planned in plan.versions.items():
            each = self.known[version]
            # The stamp of what a load made due, but the policy leaves out, is forgotten.
            same = each.served is not None and planned.stamp in (None, each.stamp)
            if planned.served and not same:
                missing.append(version)
        return missing

    def follow(self, plan: Plan) -> None:
        """Let go of what is not to be served, and choose the default as planned."""
        self._pinned, self._pinned_over = plan.pinned, plan.pinned_over
        for version, planned in plan.versions.items():
            each = self.known[version]
            each.wanted = planned.wanted
            if not planned.served:
                each.served, each.reason, each.stamp = None, planned.reason, planned.stamp

    def _release_others(self, selected: list[str]) -> None:
        pinned = self.default if self.default == self._pinned else None
        for version in self.ready.keys() - {*selected, pinned, *self._beside}:
            each = self.known[version]
            if not each.wanted:
                each.served, each.reason, each.stamp = None, UNSELECTED, None
