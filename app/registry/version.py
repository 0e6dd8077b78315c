"""One version of a model: its state, and what other processes and clients are told of it."""

from dataclasses import dataclass
from typing import Literal

from app.predict import AnyEndpoint
from app.registry.listing import Stamp

State = Literal["READY", "LOADING", "UNAVAILABLE"]
UNSELECTED = "not selected by the version policy"


@dataclass(frozen=True)
class VersionStatus:
    """The state of one version; READY with a reason means that a newer file was refused."""

    name: str
    version: str
    state: State
    reason: str | None
    default: bool


@dataclass(frozen=True)
class IndexEntry:
    """`reason` says why a version is not served, or why a newer file was refused; else empty."""

    name: str
    version: str
    state: State
    reason: str


@dataclass
class Version:
    """`served` answers requests, and `has_card` if it was loaded with a card; `stamp` is that of
    the files read last.

    `wanted` is True or False after a verb named this version; None leaves it to the policy.
    """

    served: AnyEndpoint | None = None
    has_card: bool = False
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
    """A Version without its endpoint; `stamp` is that of its files."""

    served: bool
    reason: str | None
    stamp: Stamp | None
    wanted: bool | None


@dataclass(frozen=True)
class Plan:
    """The versions of a model that one process serves, for others to serve the same."""

    versions: dict[str, PlannedVersion]
    pinned: str | None
    pinned_over: int
