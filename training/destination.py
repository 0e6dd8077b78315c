"""The place of a run's files, looked at before the training."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from stateserve.model import card_path
from stateserve.text import printable
from training.errors import DataError

MOST_NAMES = 5


def require_writable(folder: Path, *files: Path) -> None:
    """Raise DataError if `folder` cannot be made or written to, or if a folder stands in the place
    of one of `files`. No folder is left behind."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(prefix=".stateserve-", dir=folder):
            pass
    except (FileExistsError, NotADirectoryError):
        raise DataError(f"--output {folder}: a file, where a folder belongs") from None
    except OSError as error:
        why = f"cannot be written to: {error.strerror or error}"
        raise DataError(f"--output {folder}: {why}") from None
    finally:
        with suppress(OSError):
            for each in made:
                each.rmdir()
    if occupied := [each for each in files if each.is_dir()]:
        raise DataError(f"{occupied[0]}: a folder, where the model's file belongs")


@dataclass(frozen=True)
class Replaced:
    """The model that a run replaces: its data set, target and columns as its card names them."""

    path: Path
    dataset: str
    target: str | None
    columns: frozenset[str] = frozenset()

    @classmethod
    def at(cls, path: Path) -> "Replaced | None":
        """None without a file."""
        if not path.is_file():
            return None
        try:
            card = json.loads(card_path(path).read_bytes())
            target = (card.get("table") or {}).get("target")
            given = card["inputs"][0]["features"] if target else []
            columns = frozenset(str(each["name"]) for each in given)
            return cls(path, printable(str(card["dataset"])), target, columns)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return cls(path, "unknown data", None)

    def warning(self, dataset: str, target: str | None, columns: Iterable[str] = ()) -> str | None:
        """Said before the training if the model is of other data, or has another target or other
        columns: a service that serves it will answer other requests."""
        reasons = []
        if self.target != target and self.target:
            reasons.append(f"a model that predicts {printable(self.target)}")
        if self.dataset != printable(dataset) or (self.target != target and not self.target):
            reasons.append(f"a model trained on {self.dataset}")
        changed = self.columns ^ frozenset(columns)
        if self.target and self.target == target and changed:
            names = ", ".join(map(printable, sorted(changed)[:MOST_NAMES]))
            more = ", ..." if len(changed) > MOST_NAMES else ""
            reasons.append(f"a model with other columns (only one of the two has {names}{more})")
        if not reasons:
            return None
        what = ", ".join(reasons)
        return f"warning: this run replaces {self.path}, {what}: --name NAME writes another file"

    @property
    def line(self) -> str:
        """Said once it is replaced."""
        return f"replaced {self.path}, trained on {self.dataset}"
