"""The folders in which the modules that a model's code imports are looked for."""

from collections.abc import Sequence
from pathlib import Path

# The folder of this library: its packages are imported under their own names.
INSTALLATION = Path(__file__).parents[3]


def folders_of(file: Path) -> list[Path]:
    """The folders whose modules a file may import: its own, and those above it up to the working
    folder, or up to the folder of its package."""
    here = Path.cwd()
    above = [file.parent]
    while (above[-1] / "__init__.py").is_file():
        above.append(above[-1].parent)
    if ".." not in file.parts and file.absolute().is_relative_to(here):
        inside = [each for each in file.parents if each.absolute().is_relative_to(here)]
        above += inside[len(above) :]
    return [above[0], *without_installation(above[1:])]


def without_installation(folders: Sequence[Path]) -> list[Path]:
    """A model that imports this library gets it, not a copy."""
    return [each for each in folders if each.resolve() != INSTALLATION]
