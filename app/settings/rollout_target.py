"""The settings canary and shadow: a version, and its share of the default's requests."""

import hashlib
import os
import re
from typing import Literal, NamedTuple, Self

Kind = Literal["canary", "shadow"]
_TARGET = re.compile(r"([A-Za-z0-9._-]+):([1-9][0-9]{0,17})(?:=([0-9.]+))?")


class Target(NamedTuple):
    """A version of a model, and its share of the default's requests, above 0 and up to 1."""

    kind: Kind
    name: str
    version: str
    share: float

    @classmethod
    def parse(cls, kind: Kind, text: str) -> Self:
        """Parse `NAME:VERSION=SHARE`; the share of a shadow is 1 by default.

        Raises ValueError.
        """
        match = _TARGET.fullmatch(text)
        if match is None or (kind == "canary" and match[3] is None):
            form = (
                "NAME:VERSION=SHARE" if kind == "canary" else "NAME:VERSION or NAME:VERSION=SHARE"
            )
            raise ValueError(f"use {form}, such as iris-model:2=0.05")
        try:
            share = float(match[3] or 1)
        except ValueError:
            share = 0
        if not 0 < share <= 1:
            raise ValueError(f"the share is above 0 and up to 1, not {match[3]}")
        return cls(kind, match[1], match[2], share)

    def takes(self, request_id: bytes | None) -> bool:
        """Whether a request is in the share. The result for an id is the same in every process.

        Every id of a lower share is also in a higher one. Without an id, or with an empty
        one, the result is random.
        """
        key = f"{self.kind} {self.name}:{self.version} ".encode()
        digest = hashlib.blake2b(key + (request_id or os.urandom(8)), digest_size=8).digest()
        return int.from_bytes(digest, "big") < self.share * 2**64
