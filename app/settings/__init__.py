"""Every setting, declared once: `Settings` reads variables and options.

Raises SettingsError, which names the setting. Knows nothing of the parts that use the settings.
"""

from app.settings.host_names import HOST
from app.settings.rollout_target import Target
from app.settings.settings import KEY_VARIABLE, Settings, variable
from app.settings.version_policy import LATEST, VersionPolicy, is_version

__all__ = [
    "HOST",
    "KEY_VARIABLE",
    "LATEST",
    "Settings",
    "Target",
    "VersionPolicy",
    "is_version",
    "variable",
]
