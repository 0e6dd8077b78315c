"""The files that a model's card names: its code and its golden file."""

from pathlib import Path

from stateserve.model import card_files, card_path

# Inode, size and change time of a file; None for a missing file.
Times = tuple[int, int, int] | None


class CardFiles:
    """Reads a card again only when it has changed, since a scan looks at all of them."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Times, tuple[Path, ...]]] = {}

    def of(self, checkpoint: Path) -> tuple[Path, ...]:
        """The files, beside the checkpoint or below; none for a card that cannot be read."""
        card = card_path(checkpoint)
        now = times(card)
        known, files = self._known.get(card, (None, ()))
        if now != known:
            names = card_files(card) if now else []
            files = tuple(card.parent / name for name in names)
            self._known[card] = now, files
        return files


def times(file: Path) -> Times:
    try:
        status = file.stat()
    except OSError:
        return None
    # Not the modification time: only the change time shows a corrected permission.
    return status.st_ino, status.st_size, status.st_ctime_ns
