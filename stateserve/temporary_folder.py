"""The folder for temporary files, which torch needs to export and to load a program."""

import tempfile

from stateserve.errors import NoTemporaryFolder


def require_temporary_folder(needed_by: str) -> None:
    """Raises NoTemporaryFolder if no file can be written to TMPDIR, to the usual folders, or to
    the current one."""
    try:
        tempfile.gettempdir()
    except OSError:
        raise NoTemporaryFolder(
            f"{needed_by} needs a folder for temporary files, and none can be written to; name one "
            "that can: TMPDIR=FOLDER"
        ) from None
