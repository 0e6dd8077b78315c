"""The `stateserve` command."""

import sys

from app import process

# As a shell has it: 128, and the number of SIGINT.
INTERRUPTED = 130


def main() -> None:
    """The entry point. Slow imports wait until signals are handled."""
    process.open_standard_streams()
    serving = sys.argv[1:2] == ["serve"]
    if serving:
        # The other imports take seconds, and process 1 ignores signals without a handler.
        process.end_on_signals()
        from app.monitor import configure_logging

        configure_logging("info")
    try:
        from app.cli.run import run

        run(serving=serving)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
