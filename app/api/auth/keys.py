"""API keys with their scopes and rates, from a file that contains only their hashes."""

import hashlib
import json
import math
import os
import re
import secrets
import stat
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, TypeAdapter, ValidationError

from app.api.auth.rate_limits import SECONDS, SLOTS, Quota, Rates
from app.api.auth.scope import Scope
from app.errors import Forbidden, RateExceeded, SettingsError, Unauthorized, UnknownKey
from app.settings import Settings
from app.text_form import TextForm
from stateserve.field_faults import KnownFields, first_fault

# The prefix identifies a leaked key, for example to secret scanners.
PREFIX = "ssk_"
RANDOM_BYTES = 32
# The most Authorization headers that are remembered as accepted.
REMEMBERED = 4096


NAME_WORDS = "a name of 1 to 64 letters, digits, - and _, such as dashboard"
Name = Annotated[str, TextForm(r"[A-Za-z0-9_-]{1,64}", NAME_WORDS)]
COUNT = "[1-9][0-9]{0,8}"
RATE_WORDS = f"a count per {', '.join(SECONDS)}, such as 100/minute, or 100/minute burst 10"
Rate = Annotated[str, TextForm(f"{COUNT}/({'|'.join(SECONDS)})( burst {COUNT})?", RATE_WORDS)]
HASH_WORDS = "the SHA-256 of a key, 64 hexadecimal digits; stateserve key new makes it"


class Entry(KnownFields):
    """One table of the file. `rate` is for example 100/minute, or 100/minute burst 10."""

    sha256: Annotated[str, TextForm("[0-9a-f]{64}", HASH_WORDS)]
    scopes: frozenset[Scope] = Field(min_length=1)
    rate: Rate | None = None


class Key:
    """A key with its rate over all processes."""

    def __init__(self, name: str, entry: Entry, rates: Rates) -> None:
        self.name = name
        self._scopes = entry.scopes
        self._rate = entry.rate
        self._limit = rates.limit(entry.sha256, Quota.parse(entry.rate)) if entry.rate else None

    def require(self, scope: Scope) -> None:
        """Count one request. Raises Forbidden, without counting, or RateExceeded."""
        if scope not in self._scopes:
            raise Forbidden(f"the key {self.name!r} does not have the scope {scope}")
        if self._limit is not None and (nanoseconds := self._limit.take()):
            raise RateExceeded(
                f"the key {self.name!r} is over its rate of {self._rate}",
                seconds=math.ceil(nanoseconds / 1e9),
                limit=self._limit.quota.limit,
                period=self._limit.quota.period,
            )


# About 100,000 keys.
MOST_BYTES = 2**24
# The time of a name with dots grows with the square of their number.
LONGEST_LINE = 1024


class Keys:
    """All keys by their SHA-256, so that the time of a lookup reveals nothing about a key.

    A later Keys with the same `rates` continues the counts.
    """

    def __init__(self, entries: Mapping[str, Entry], rates: Rates | None = None) -> None:
        self.rates = rates = rates or Rates()
        self._keys: dict[str, Key] = {}
        # Keys by Authorization headers that were accepted. The time of this lookup, too, reveals
        # nothing: Python compares bytes only if their hashes are equal, and the hashes depend on
        # a random number of this process.
        self._accepted: dict[bytes, Key] = {}
        self.scopes = frozenset[Scope]().union(*(entry.scopes for entry in entries.values()))
        # Before any takes a place, which it keeps.
        if (rated := sum(entry.rate is not None for entry in entries.values())) > SLOTS:
            raise SettingsError(f"{rated} keys with a rate; at most {SLOTS} are taken")
        for name, entry in entries.items():
            if same := self._keys.get(entry.sha256):
                raise SettingsError(f"{same.name} and {name} are the same key")
            self._keys[entry.sha256] = Key(name, entry, rates)

    @classmethod
    def of(cls, settings: Settings, rates: Rates | None = None) -> Self:
        """The keys of the file, and the admin token as a key. Raises SettingsError.

        With `rates`, which an earlier Keys has, a blank file is an error too.
        """
        blank = rates is None
        entries = read_keys(settings.api_keys, blank=blank) if settings.api_keys else {}
        if settings.admin_token:
            token = settings.admin_token.get_secret_value()
            # No key of the file can have this name.
            entries["admin token"] = Entry(
                sha256=digest(token.encode()), scopes=frozenset({Scope.ADMIN})
            )
        return cls(entries, rates)

    def require_header(self, authorization: bytes | None, scope: Scope) -> Key:
        """Like `require`, for the value of a request's only Authorization header."""
        if authorization is None:
            return self.require(None, scope)
        key = self._accepted.get(authorization)
        if key is not None:
            key.require(scope)
            return key
        key = self.require(_bearer(authorization), scope)
        if len(self._accepted) < REMEMBERED:
            self._accepted[authorization] = key
        return key

    def require(self, given: bytes | None, scope: Scope) -> Key:
        """Count one request of the `given` key, and return the key.

        Raises Unauthorized, UnknownKey, Forbidden or RateExceeded.
        """
        if given is None:
            raise Unauthorized(f"a key with the scope {scope} is needed: Authorization: Bearer KEY")
        key = self._keys.get(digest(given))
        if key is None:
            raise UnknownKey("no such key")
        key.require(scope)
        return key


def _bearer(authorization: bytes) -> bytes | None:
    """The key in `Bearer KEY`, or None."""
    scheme, _, key = authorization.partition(b" ")
    return key.strip() or None if scheme.lower() == b"bearer" else None


def digest(key: bytes) -> str:
    # No salt and no slow hash: they protect passwords, but 256 random bits cannot be guessed.
    return hashlib.sha256(key).hexdigest()


def new_key(name: str, scopes: Iterable[Scope], rate: str | None) -> tuple[str, str]:
    """A random key, and its lines for the file of keys. Raises SettingsError."""
    key = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    entry = {"sha256": digest(key.encode()), "scopes": sorted(scopes), "rate": rate}
    given = {field: value for field, value in entry.items() if value is not None}
    _parse({name: given}, "stateserve key new")
    # For strings and lists of strings, JSON is valid TOML.
    lines = [f"{field} = {json.dumps(value)}" for field, value in given.items()]
    return key, "\n".join([f"[{name}]", *lines])


def read_keys(path: Path, *, blank: bool = True) -> dict[str, Entry]:
    """Raises SettingsError, which names the key and the field; without `blank` for a blank file."""
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for its writer.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SettingsError(f"{path}: not a regular file")
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise SettingsError(f"{path}: more than {MOST_BYTES >> 20} MiB; a file of keys is less")
        if not (blank or content.strip()):
            # A program that replaces a file may empty it first.
            raise SettingsError(f"{path}: blank; to withdraw all keys, leave a comment in it")
        if any(len(line) > LONGEST_LINE for line in content.splitlines()):
            raise SettingsError(f"{path}: a line of more than {LONGEST_LINE} bytes")
        return _parse(tomllib.loads(content.decode("utf-8")), str(path))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    # ValueError: also that of an integer with thousands of digits.
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: not TOML: {_without_keys(str(error))}") from None


def _parse(tables: dict[str, object], source: str) -> dict[str, Entry]:
    if any(name.startswith(PREFIX) for name in tables):
        # The error does not repeat the name, because errors are logged.
        raise SettingsError(f"{source}: a key where its name belongs")
    try:
        return TypeAdapter(dict[Name, Entry]).validate_python(tables)
    except ValidationError as error:
        # Without the input: a key written in place of its hash must not be logged.
        fault = _without_keys(first_fault(error, secret=True))
        raise SettingsError(f"{source}: {fault}") from None


def _without_keys(text: str) -> str:
    """A text for the log, also if a key stands where the name of a field belongs."""
    return re.sub(rf"{PREFIX}[\w-]+", f"{PREFIX}...", text)
