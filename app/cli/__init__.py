"""The `stateserve` command."""

import logging
import os
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

        configure_logging("info", _log_format(sys.argv))
    try:
        from app.cli.run import run

        run(serving=serving)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except ModuleNotFoundError:
        raise
    except (ImportError, MemoryError) as error:
        text = _without_memory(error)
        if not serving:
            sys.exit(f"stateserve: {text}")
        logging.getLogger("app").critical(text)
        sys.exit(1)


def _log_format(arguments: list[str]) -> str:
    """The setting log_format, before the settings are read: their refusals are logged, too."""
    given = os.environ.get("STATESERVE_LOG_FORMAT", "auto")
    for place, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name == "--log-format":
            given = value if equals else "".join(arguments[place + 1 : place + 2])
    return given


def _without_memory(error: BaseException) -> str:
    """One line for a library that cannot be loaded, or for too little memory."""
    while error.__cause__ is not None:
        # NumPy's own text is a page of advice.
        error = error.__cause__
    found = " ".join(str(error).split())
    reason = f"a library cannot be loaded: {found}" if isinstance(error, ImportError) else found
    return f"{reason or 'out of memory'}; is there a limit of memory (ulimit -v)?"
