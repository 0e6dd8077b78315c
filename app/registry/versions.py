"""The versions of one model: the state of each, and the default version."""

import asyncio
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from app.predict import AnyEndpoint
from app.registry.listing import Candidate
from app.registry.version import UNSELECTED, Plan, PlannedVersion, Version, VersionStatus
from app.settings import VersionPolicy
from stateserve.errors import StateserveError
from stateserve.text import printable

UNLOADED = "unloaded"


class Versions:
    """Decides which versions are due; registry.py loads them, and holds the lock.

    The versions `targets` are canaries or shadows, and the default only if pinned.
    """

    def __init__(self, name: str, policy: VersionPolicy, targets: Collection[str] = ()) -> None:
        self.name = name
        self._targets = frozenset(targets)
        self.lock = asyncio.Lock()
        self.known: dict[str, Version] = {}
        self._policy = policy
        self._pinned: str | None = None
        self._pinned_over = 0

    @property
    def ready(self) -> dict[str, AnyEndpoint]:
        return {v: each.served for v, each in self.known.items() if each.served is not None}

    @property
    def default(self) -> str | None:
        """The pinned version, until a version newer than all at that time is ready; otherwise the
        highest ready version that is not in `targets`."""
        ready = self.ready
        highest = max(ready.keys() - self._targets, key=int, default=None)
        if self._pinned in ready and int(highest or 0) <= self._pinned_over:
            return self._pinned
        return highest

    def why_not(self, version: str | None = None) -> str:
        """Why `version` is not served, or, without a version, why none is the default."""
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
        """Add the versions on disk, and forget versions that are neither on disk nor ready."""
        for version in self.known.keys() - set(found) - self.ready.keys():
            del self.known[version]
        for version in found:
            self.known.setdefault(version, Version())

    def due(self, found: Mapping[str, Candidate]) -> Iterator[Candidate]:
        """Yield the versions to load: canaries and shadows, then the policy's, highest first.

        A version whose current files are loaded is not yielded. The caller settles each before
        it takes the next: the next lower version replaces a failed one. At the end,
        versions that are no longer selected are released if any selected version is ready.
        """
        self.update(found)
        targets = found.keys() & self._targets
        yield from filter(self._is_due, map(found.__getitem__, sorted(targets, key=int)))
        selected: list[str] = []
        for version in self._policy.order(found.keys() - targets):
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

    def checked(self, candidate: Candidate) -> Candidate:
        """The candidate, with a fault if its card is gone: the served names would change."""
        each = self.known[candidate.version]
        if candidate.has_card or each.served is None or not each.has_card:
            return candidate
        fault = f"{candidate.path}: its model card is gone; what was loaded with it is served on"
        return replace(candidate, fault=candidate.fault or fault)

    @contextmanager
    def loading(self, version: str) -> Iterator[None]:
        """Show `version` as LOADING, unless its older files are still served."""
        each = self.known[version]
        each.loading, each.reason = True, None
        try:
            yield
        finally:
            each.loading = False

    def settle(self, candidate: Candidate, outcome: AnyEndpoint | Exception) -> None:
        """Record the outcome of a load; after a failure the old endpoint, if any, stays."""
        each = self.known[candidate.version]
        each.stamp = candidate.stamp
        if isinstance(outcome, StateserveError):
            # Of the file without the folder of the models, which is no client's concern.
            reason = str(outcome).replace(f"{candidate.path.parent}{os.sep}", "")
            each.reason = printable(reason)
        elif isinstance(outcome, Exception):
            each.reason = f"an unexpected {type(outcome).__name__}; it is in the log"
        else:
            each.served, each.reason, each.wanted = outcome, None, each.wanted or None
            each.has_card = candidate.has_card

    def make_due(self) -> None:
        """Make all versions that the policy selects due again, withdrawn ones included."""
        for each in self.known.values():
            each.stamp, each.wanted = None, each.wanted or None

    def withdraw(self, version: str) -> None:
        each = self.known[version]
        each.served, each.reason, each.wanted = None, UNLOADED, False
        if self._pinned == version:
            self._pinned = None

    def pin(self, version: str) -> None:
        """Make `version` the default, also over all higher versions known now."""
        self._pinned, self._pinned_over = version, max(map(int, self.known))

    def plan(self) -> Plan:
        versions = {
            version: PlannedVersion(each.served is not None, each.reason, each.stamp, each.wanted)
            for version, each in self.known.items()
        }
        return Plan(versions, self._pinned, self._pinned_over)

    def missing(self, plan: Plan) -> list[str]:
        """The planned versions that are not served, or are served from other files."""
        missing = []
        for version, planned in plan.versions.items():
            each = self.known[version]
            # make_due forgets the stamp, also of ready versions that the policy leaves out.
            same = each.served is not None and planned.stamp in (None, each.stamp)
            if planned.served and not same:
                missing.append(version)
        return missing

    def follow(self, plan: Plan) -> None:
        """Release the versions that the plan does not serve, and set its default."""
        self._pinned, self._pinned_over = plan.pinned, plan.pinned_over
        for version, planned in plan.versions.items():
            each = self.known[version]
            each.wanted = planned.wanted
            if not planned.served:
                each.served, each.reason, each.stamp = None, planned.reason, planned.stamp

    def _release_others(self, selected: list[str]) -> None:
        pinned = self.default if self.default == self._pinned else None
        for version in self.ready.keys() - {*selected, pinned, *self._targets}:
            each = self.known[version]
            if not each.wanted:
                each.served, each.reason, each.stamp = None, UNSELECTED, None
