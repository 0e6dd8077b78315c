"""The folders in which the modules that a model's code imports are looked for."""

from pathlib import Path

INSTALLATION = Path(__file__).parents[3]
OWN = [INSTALLATION / name for name in ("app", "stateserve", "training")]


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
    return above


def is_own(module: Path) -> bool:
    """Whether a file or folder is of this project: a model that imports it gets no copy."""
    resolved = module.resolve()
    return any(resolved.is_relative_to(each) for each in OWN)
