"""Finds the models and versions in the models folder, without loading them.

models/
├── iris-model.pth      model iris-model, version 1, and its card iris-model.json
└── wine/
    ├── 1/model.pth     model wine, version 1, and its card 1/model.json
    └── 2/model.pth     model wine, version 2: the highest is the default
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from app.registry.bring_code import named_files
from app.registry.card_files import CardFiles
from app.registry.listing import NAME, NAME_RULE, PREFERENCE, STATES, SUFFIXES, Candidate, Listing
from app.settings import Settings, is_version
from stateserve.errors import UnreadableCheckpoint
from stateserve.model import name_and_version, packed_in
from stateserve.text import printable

FIRST_STEPS = (
    "stateserve train makes a model of a table, stateserve pack one of your module, and "
    "stateserve serve --demo serves the iris model"
)
NO_MODEL = f"no model in it; {FIRST_STEPS}"


class Repository:
    """Every model in `folder`, or `file` alone; `default` is the name of /predict's model.

    `named` are files that are loaded with `file`, such as its code; `version` is that of `file`.
    """

    def __init__(
        self,
        folder: Path,
        default: str,
        file: Path | None = None,
        named: Sequence[Path] = (),
        version: str = "1",
    ) -> None:
        self.folder = folder
        self.default = default
        self._file = file
        self._named = named
        self._version = version
        self._cards = CardFiles()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The folder `settings.models`, or the file or packed folder `settings.model`; if neither
        is set, the folder of the default file. Raises UnreadableCheckpoint."""
        model = settings.model
        # The name appears in headers and answers, so it must be printable.
        name, version = printable(model.name), "1"
        of_file = settings.models is None and model.suffix.lower() in STATES
        if of_file or model.suffix in PREFERENCE:
            name, version = name_and_version(model)
        if settings.models is not None:
            return cls(settings.models, name)
        if not settings.model_fields_set & {"model", "code"}:
            return cls(model.parent, name)
        if model.is_dir():
            model, name, version = packed_in(model)
        return cls(model.parent, name, model, named_files(settings), version)

    @property
    def nested(self) -> bool:
        """Whether changes in subfolders of `folder` matter."""
        return self._file is None

    def scan(self) -> Listing:
        """List names and times; of the files, only changed cards are read.

        Raises UnreadableCheckpoint.
        """
        listing = Listing(self.folder, self._cards)
        if self._file is not None:
            stamp = listing.stamp([self._file], self._named)
            candidate = Candidate(self.default, self._version, self._file, stamp)
            listing.models[self.default] = {self._version: candidate}
            return listing
        try:
            entries = _entries(self.folder)
        except OSError as error:
            hint = f"; {FIRST_STEPS}" if isinstance(error, FileNotFoundError) else ""
            reason = f"{self.folder}: {error.strerror or error}{hint}"
            raise UnreadableCheckpoint(reason) from None
        for path in listing.checkpoints(entries):
            listing.add(path.stem, "1", [path])
        listing.report_near_misses(entries)
        for folder in entries:
            try:
                if folder.is_dir():
                    _scan_model(folder, listing)
            except OSError as error:
                listing.report(folder, error.strerror or str(error))
        listing.compare_versions()
        return listing


def _scan_model(folder: Path, listing: Listing) -> None:
    if outside := listing.why_outside(folder):
        listing.report(folder, outside)
        return
    entries = _entries(folder)
    for path in listing.checkpoints(entries):
        listing.report(path, "a version lies in a folder of its own, NAME/VERSION/")
    listing.report_near_misses(entries)
    for inner in entries:
        if inner.is_dir():
            _scan_version(inner, listing)
    # A hidden entry is a model that is being written.
    if not entries and not any(folder.iterdir()):
        listing.report(folder, "no version in it; one lies in NAME/VERSION/")


def _scan_version(folder: Path, listing: Listing) -> None:
    name = folder.parent.name
    if outside := listing.why_outside(folder):
        if is_version(folder.name) and NAME.fullmatch(name):
            # As the checkpoint that it stands for: the version is listed, with this fault.
            listing.add(name, folder.name, [folder])
        else:
            listing.report(folder, outside)
        return
    files = _entries(folder)
    checkpoints = listing.checkpoints(files)
    if checkpoints or not is_version(folder.name):
        listing.report_near_misses(files)
    if checkpoints and not is_version(folder.name):
        listing.report(folder, "a version is a positive integer")
    elif checkpoints and not NAME.fullmatch(name):
        listing.report(folder, NAME_RULE)
    elif checkpoints:
        listing.add(name, folder.name, checkpoints)
    elif is_version(folder.name):
        listing.report(folder, f"no checkpoint in it ({SUFFIXES})")


def _entries(folder: Path) -> list[Path]:
    # Half-written files are hidden, and so are the internal folders of Kubernetes volumes.
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
