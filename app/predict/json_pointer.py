"""Names in a JSON pointer."""


def escape(name: str) -> str:
    """Escape `~` and `/` for a JSON pointer (RFC 6901), as in wine's od280/od315."""
    return name.replace("~", "~0").replace("/", "~1")
