"""The `stateserve` command."""

import sys

from app import process


def main() -> None:
    """The entry point. What each import takes decides when it may come."""
    process.open_standard_streams()
    serving = sys.argv[1:2] == ["serve"]
    if serving:
        # Other imports take seconds, in which nothing else would end process 1.
        process.end_on_signals()
        from app.monitor import configure_logging

        configure_logging("info")
    from app.cli.run import run

    run(as_json=serving)
