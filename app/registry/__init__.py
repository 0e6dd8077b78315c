"""The versions that are served: models folder, loading, hot reload, canary and shadow.

A request keeps the version that it began with. Knows no HTTP.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from app.registry.bring_code import load_options as load_options
    from app.registry.folder import NO_MODEL as NO_MODEL
    from app.registry.folder import Repository as Repository
    from app.registry.hot_reload import watch as watch
    from app.registry.listing import Candidate as Candidate
    from app.registry.load_turns import take_turn as take_turn
    from app.registry.lost_names import warnings_of as warnings_of
    from app.registry.registry import Registry as Registry
    from app.registry.rollout import require_targets as require_targets
    from app.registry.rollout import rollout_of as rollout_of
    from app.registry.rollout import why_not as why_not
    from app.registry.verbs import Verbs as Verbs
    from app.registry.version import IndexEntry as IndexEntry
    from app.registry.version import Plan as Plan
    from app.registry.version import State as State
    from app.registry.version import VersionStatus as VersionStatus

__getattr__ = lazy_exports(
    __name__,
    {
        "bring_code": ("load_options",),
        "folder": ("NO_MODEL", "Repository"),
        "listing": ("Candidate",),
        "hot_reload": ("watch",),
        "load_turns": ("take_turn",),
        "lost_names": ("warnings_of",),
        "registry": ("Registry",),
        "rollout": ("require_targets", "rollout_of", "why_not"),
        "verbs": ("Verbs",),
        "version": ("IndexEntry", "Plan", "State", "VersionStatus"),
    },
)
