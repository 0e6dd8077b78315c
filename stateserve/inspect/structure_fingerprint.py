"""One short hash of a state's structure."""

import hashlib
from collections.abc import Mapping

from stateserve.checkpoint import Values, dtype_name

DIGITS = 16


def fingerprint(state: Mapping[str, Values]) -> str:
    """DIGITS hexadecimal digits of the SHA-256 over names, dtypes and shapes, sorted by name.

    Equal for two states that differ in values alone, in any formats and orders.
    """
    digest = hashlib.sha256()
    for name, values in sorted(state.items()):
        # With its length, since a name may contain any character.
        text = f"{len(name)}:{name} {dtype_name(values)} {list(values.shape)}\n"
        digest.update(text.encode(errors="surrogatepass"))
    return digest.hexdigest()[:DIGITS]
