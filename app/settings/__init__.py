"""Every setting, declared once: `Settings` reads variables and options.

Raises SettingsError, which names the setting. Knows nothing of the parts that use the settings.
"""

from app.settings.accepted import accepted, choices, types
from app.settings.host_names import HOST
from app.settings.rollout_target import Target
from app.settings.settings import GROUPS, KEY_VARIABLE, Settings, both_names, option, variable
from app.settings.version_policy import LATEST, VersionPolicy, is_version

__all__ = [
    "GROUPS",
    "HOST",
    "KEY_VARIABLE",
    "LATEST",
    "Settings",
    "Target",
    "VersionPolicy",
    "accepted",
    "both_names",
    "choices",
    "is_version",
    "option",
    "types",
    "variable",
]
