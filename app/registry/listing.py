"""The versions found in a models folder, and its files that are not served."""

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from app.registry.card_files import CardFiles, Times, times
from stateserve.checkpoint import CODECS
from stateserve.model import (
    CARD_SUFFIX,
    GOLDEN_SUFFIX,
    ONNX_ALONE,
    ONNX_SUFFIX,
    PROGRAM_SUFFIX,
    card_path,
)

NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}")
NAME_RULE = "a name is 1 to 64 of A-Z a-z 0-9 . _ - and begins with no dot"
# A program of torch.export has its state with it, unless a checkpoint of its name is there.
PREFERENCE = [*CODECS, PROGRAM_SUFFIX]
SUFFIXES = ", ".join(PREFERENCE)

# Common suffixes of checkpoints and models that are not served; the first are often a state's.
STATES = {".pt", ".ckpt", ".bin", ".pkl", ".torch", ".model", ".safetensor", ".npz", ".gguf"}
NEAR_MISSES = STATES | {".ptl", ".onnx", ".h5", ".keras", ".pb", ".tflite", ".joblib", ".mar"}

_ARCHIVES = {".tar", ".gz", ".tgz", ".zip", ".xz", ".bz2", ".zst"}
Stamp = tuple[Times, ...]


@dataclass(frozen=True)
class Candidate:
    """One version on disk. `stamp` changes whenever its checkpoint, its card or a file that the
    card names changes.

    `fault` says why it must not be read. `earlier` is the next lower version, if it has a card.
    """

    name: str
    version: str
    path: Path
    stamp: Stamp
    fault: str | None = None
    earlier: "Candidate | None" = field(default=None, compare=False, repr=False)

    @property
    def has_card(self) -> bool:
        return len(self.stamp) > 1 and self.stamp[1] is not None


@dataclass
class Listing:
    """The candidates by name and version; `not_served` has a line for each misplaced file."""

    folder: Path
    cards: CardFiles = field(default_factory=CardFiles)
    models: dict[str, dict[str, Candidate]] = field(default_factory=dict)
    not_served: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._root = f"{os.path.realpath(self.folder).rstrip(os.sep)}{os.sep}"

    def checkpoints(self, entries: list[Path]) -> list[Path]:
        """One checkpoint for each stem: the first in the order of CODECS.

        Files that differ only in format share a card, whose hash fits only one state.
        """
        by_stem: dict[str, Path] = {}
        files = _files(entries)
        named = self._named_by_cards(files)
        for path in sorted(files, key=lambda path: PREFERENCE.index(path.suffix)):
            # Code of another model: a program that its card names.
            if path in named:
                continue
            if NAME.fullmatch(path.stem):
                by_stem.setdefault(path.stem, path)
            else:
                self.report(path, NAME_RULE)
        return list(by_stem.values())

    def report_near_misses(self, entries: list[Path]) -> None:
        """Report files that look like a checkpoint or a card but are not served."""
        checkpoints = _files(entries)
        stems = {path.stem for path in checkpoints}
        # Such as the ONNX graph of a model.
        named = self._named_by_cards(checkpoints)
        for path in entries:
            if path in named:
                continue
            if _is_near_miss(path):
                self.report(path, f"no suffix that is served ({SUFFIXES}){_way_in(path)}")
            elif path.suffix == CARD_SUFFIX and path.stem not in stems:
                self.report(path, f"a model card without a checkpoint ({SUFFIXES})")

    def _named_by_cards(self, checkpoints: list[Path]) -> set[Path]:
        return {each for path in checkpoints for each in self.cards.of(path)}

    def compare_versions(self) -> None:
        """Mark versions without a card as faulty if others of the model have one, and give the
        others the next lower version.

        Without a card a version would have other names for features and classes.
        """
        for name, versions in self.models.items():
            with_card = [each for _, each in sorted(versions.items(), key=_number) if each.has_card]
            for earlier, each in pairwise(with_card):
                versions[each.version] = replace(each, earlier=earlier)
            for version, each in versions.items():
                if with_card and not each.has_card and each.fault is None:
                    fault = f"{each.path}: no model card; other versions of {name} have one"
                    way = self._way_to_card(each.path, with_card[0].path)
                    versions[version] = replace(each, fault=f"{fault}; {way} writes it")

    def _way_to_card(self, path: Path, other: Path) -> str:
        """The command that writes a card as that of `other`."""
        if self.cards.of(other):
            return "`stateserve pack` or save_model"
        card = shlex.quote(str(card_path(other)))
        return f"`stateserve card {shlex.quote(str(path))} --like {card}`"

    def add(self, name: str, version: str, paths: list[Path]) -> None:
        versions = self.models.setdefault(name, {})
        if version in versions:
            paths = [versions[version].path, *paths]
        fault = self._fault(paths)
        versions[version] = Candidate(name, version, paths[0], self.stamp(paths), fault)

    def stamp(self, paths: list[Path], named: Sequence[Path] = ()) -> Stamp:
        files = [each for path in paths for each in (path, card_path(path))]
        of_cards = [each for path in paths for each in self.cards.of(path)]
        return tuple(map(times, [*files, *of_cards, *named]))

    def report(self, path: Path, reason: str) -> None:
        # repr, because the name may be unprintable.
        self.not_served.append(f"{str(path.relative_to(self.folder))!r}: {reason}")

    def why_outside(self, path: Path) -> str | None:
        """Of a link out of the models folder, which is not followed: the names behind it are not
        for everybody who may read the list of models."""
        if path.is_symlink() and not f"{os.path.realpath(path)}{os.sep}".startswith(self._root):
            return "a symbolic link out of the models folder"
        return None

    def _fault(self, paths: list[Path]) -> str | None:
        if len(paths) > 1:
            return f"{' and '.join(map(str, paths))} claim to be the same version; keep one"
        for file in (paths[0], card_path(paths[0])):
            if outside := self.why_outside(file):
                return f"{file}: {outside}"
            # A read of a FIFO would wait for its writer.
            if file.exists() and not file.is_file():
                return f"{file}: not a regular file"
        return None


def _number(item: tuple[str, Candidate]) -> int:
    return int(item[0])


def _is_near_miss(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in _ARCHIVES:
        return Path(path.stem).suffix.lower() in {*NEAR_MISSES, *PREFERENCE}
    return suffix in NEAR_MISSES or (suffix in PREFERENCE and path.suffix not in PREFERENCE)


def _way_in(path: Path) -> str:
    """How a file of another suffix is served."""
    name = shlex.quote(path.name)
    if path.suffix.lower() == ".mar":
        return f"; stateserve pack {name} --output FOLDER makes a model of it if its class is in it"
    if path.suffix.lower() == ONNX_SUFFIX:
        return f"; {ONNX_ALONE}"
    if path.suffix.lower() not in STATES:
        return ""
    return f"; stateserve convert {name} {shlex.quote(path.stem)}.pth writes its state"


def _files(entries: list[Path]) -> list[Path]:
    return [
        path
        for path in entries
        if path.suffix in PREFERENCE and not path.name.endswith(GOLDEN_SUFFIX) and not path.is_dir()
    ]
