"""The scopes of API keys, alone: a command imports them without what checks a key."""

from enum import StrEnum


class Scope(StrEnum):
    """The rights of a key. No scope includes another."""

    PREDICT = "predict"
    INSPECT = "inspect"
    ADMIN = "admin"
    METRICS = "metrics"
