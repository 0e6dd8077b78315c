"""An API key for each scope, and the file of keys."""

from pathlib import Path

from app.api.auth.keys import Scope, new_key

Headers = dict[str, str]


def bearer(key: str) -> Headers:
    return {"Authorization": f"Bearer {key}"}


def write_keys(path: Path, rate: str | None = None) -> dict[Scope, str]:
    """Write the file; returns the keys themselves, of which the file has only hashes."""
    made = {scope: new_key(f"{scope}-key", [scope], rate) for scope in Scope}
    path.write_text("\n".join(entry for _, entry in made.values()))
    return {scope: key for scope, (key, _) in made.items()}
