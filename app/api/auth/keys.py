"""API keys: who may do what, and how often. The file that names them holds no key itself."""

import hashlib
import json
import math
import secrets
import tomllib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.api.auth.rate_limits import SECONDS, Quota, Rates
from app.errors import Forbidden, RateExceeded, SettingsError, Unauthorized, UnknownKey
from app.settings import Settings

# Found in a public place, it tells by its start what it is; 256 bits are never guessed.
PREFIX = "mck_"
RANDOM_BYTES = 32


class Scope(StrEnum):
    """What a key may do. None of them holds another."""

    PREDICT = "predict"
    INSPECT = "inspect"
    ADMIN = "admin"
    METRICS = "metrics"


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
COUNT = "[1-9][0-9]{0,8}"
Rate = Annotated[str, Field(pattern=f"^{COUNT}/({'|'.join(SECONDS)})( burst {COUNT})?$")]


class Entry(BaseModel):
    """One table of the file. `rate` is such as 100/minute, or 100/minute burst 10."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: frozenset[Scope] = Field(min_length=1)
    rate: Rate | None = None


class Key:
    """A key in use, with its rate over all processes."""

    def __init__(self, name: str, entry: Entry, rates: Rates) -> None:
        self.name = name
        self._scopes = entry.scopes
        self._rate = entry.rate
        self._limit = rates.limit(entry.sha256, Quota.parse(entry.rate)) if entry.rate else None

    def require(self, scope: Scope) -> None:
        """Count one request. Raises Forbidden, which is not counted, or RateExceeded."""
        if scope not in self._scopes:
            raise Forbidden(f"the key {self.name!r} does not have the scope {scope}")
        if self._limit is not None and (nanoseconds := self._limit.take()):
            raise RateExceeded(
                f"the key {self.name!r} is over its rate of {self._rate}",
                seconds=math.ceil(nanoseconds / 1e9),
                limit=self._limit.quota.limit,
                period=self._limit.quota.period,
            )


class Keys:
    """All keys by their SHA-256: what a lookup takes says nothing about any key.

    Keys that are made later of the same `rates` go on with the rates of these.
    """

    def __init__(self, entries: Mapping[str, Entry], rates: Rates | None = None) -> None:
        self.rates = rates = rates or Rates()
        self._keys: dict[str, Key] = {}
        self.scopes = frozenset[Scope]().union(*(entry.scopes for entry in entries.values()))
        for name, entry in entries.items():
            if same := self._keys.get(entry.sha256):
                raise SettingsError(f"{same.name} and {name} are the same key")
            self._keys[entry.sha256] = Key(name, entry, rates)

    @classmethod
    def of(cls, settings: Settings, rates: Rates | None = None) -> Self:
        """Those of the file and the admin token, which is a key as well. Raises SettingsError."""
        entries = read_keys(settings.api_keys) if settings.api_keys else {}
        if settings.admin_token:
            token = settings.admin_token.get_secret_value()
            # A name that no key of the file can have.
            entries["admin token"] = Entry(
                sha256=digest(token.encode()), scopes=frozenset({Scope.ADMIN})
            )
        return cls(entries, rates)

    def require(self, given: bytes | None, scope: Scope) -> Key:
        """The key that was given, which may do this now.

        Raises Unauthorized, UnknownKey, Forbidden or RateExceeded.
        """
        if given is None:
            raise Unauthorized(f"a key with the scope {scope} is needed: Authorization: Bearer KEY")
        key = self._keys.get(digest(given))
        if key is None:
            raise UnknownKey("no such key")
        key.require(scope)
        return key


def digest(key: bytes) -> str:
    # No salt and no slow hash: those protect what people make up, not 256 random bits.
    return hashlib.sha256(key).hexdigest()


def new_key(name: str, scopes: Iterable[Scope], rate: str | None) -> tuple[str, str]:
    """A random key, and the lines by which the file knows it. Raises SettingsError."""
    key = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    entry = {"sha256": digest(key.encode()), "scopes": sorted(scopes), "rate": rate}
    given = {field: value for field, value in entry.items() if value is not None}
    _parse({name: given}, "stateserve key new")
    # Of strings and lists of them, JSON is TOML.
    lines = [f"{field} = {json.dumps(value)}" for field, value in given.items()]
    return key, "\n".join([f"[{name}]", *lines])


def read_keys(path: Path) -> dict[str, Entry]:
    """Raises SettingsError, naming the key and the field."""
    try:
        return _parse(tomllib.loads(path.read_text("utf-8")), str(path))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None


def _parse(tables: dict[str, Any], source: str) -> dict[str, Entry]:
    if any(name.startswith(PREFIX) for name in tables):
        # Not repeated, nor taken: names are in the log.
        raise SettingsError(f"{source}: a key where its name belongs")
    try:
        return TypeAdapter(dict[Name, Entry]).validate_python(tables)
    except ValidationError as error:
        # Without the input: a key in clear, put where its hash belongs, stays out of the log.
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"] if part != "[key]")
        raise SettingsError(f"{source}: {place}: {first['msg']}") from None
