"""The command `python -m training`."""

import sys

from stateserve.errors import NoTemporaryFolder, StateserveError
from stateserve.temporary_folder import require_temporary_folder
from stateserve.text import printable

INSTALL = "pip install '.[train]'"
# Typer returns it after Ctrl-C.
INTERRUPTED = 130
NOTHING = "interrupted before the model was written"


def main() -> None:
    """Run the command; an error is one line and status 1, or 2 if the command line is at fault."""
    try:
        # Before matplotlib and torch, which would need it, are imported.
        require_temporary_folder("training")
        import typer
        from typer.exceptions import TyperException

        from stateserve.plain_command import PlainCommand
        from stateserve.usage import usage_error
        from training.command import train
        from training.errors import DataError
    except ModuleNotFoundError as error:
        sys.exit(f"stateserve: train needs {error.name}: {INSTALL}")
    except NoTemporaryFolder as error:
        sys.exit(f"stateserve: {error}")
    command = typer.Typer(add_completion=False)
    command.command(cls=PlainCommand)(train)
    try:
        status = command(standalone_mode=False)
        if status == INTERRUPTED:
            print(f"stateserve: {NOTHING}", file=sys.stderr)
        sys.exit(status)
    except TyperException as error:
        print(f"stateserve: {printable(usage_error(error, 'stateserve train'))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except (DataError, StateserveError) as error:
        sys.exit(f"stateserve: {printable(str(error))}")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(f"stateserve: {place}{error.strerror or error}")
    except KeyboardInterrupt:
        print(f"stateserve: {NOTHING}", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
