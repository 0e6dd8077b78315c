"""The command `python -m training`."""

import sys

INSTALL = "pip install '.[train]'"


def main() -> None:
    """Run the command; an error of the data or the disk is one line and status 1."""
    try:
        import typer

        from stateserve.errors import StateserveError
        from stateserve.text import printable
        from training.command import train
        from training.errors import DataError
    except ModuleNotFoundError as error:
        sys.exit(f"training needs {error.name}: {INSTALL}")
    try:
        typer.run(train)
    except (DataError, StateserveError) as error:
        sys.exit(f"training: {printable(str(error))}")
    except OSError as error:
        sys.exit(f"training: {error.filename or ''}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit("training: interrupted before the first epoch ended; nothing is written")


if __name__ == "__main__":
    main()
