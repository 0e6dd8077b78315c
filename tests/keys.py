"""One API key for each scope, as an administrator would make and file them."""

from pathlib import Path

from app.api.auth.keys import Scope, new_key

Headers = dict[str, str]


def bearer(key: str) -> Headers:
    return {"Authorization": f"Bearer {key}"}


def write_keys(path: Path, rate: str | None = None) -> dict[Scope, str]:
    """Write the file; returns the keys in clear, which it does not hold."""
    made = {scope: new_key(f"{scope}-key", [scope], rate) for scope in Scope}
    path.write_text("\n".join(entry for _, entry in made.values()))
    return {scope: key for scope, (key, _) in made.items()}
