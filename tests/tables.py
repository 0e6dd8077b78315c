"""Small tables as text, and quick trainings on them."""

from pathlib import Path

from training.tables.columns import Choices
from training.tables.command import train_table
from training.tables.plan import Options
from training.tables.target import Task

ISLANDS = ["Biscoe", "Dream", "Torgersen"]
SPECIES = ["Adelie", "Chinstrap", "Gentoo"]
INSTANCE = {
    "island": "Dream",
    "bill_length_mm": 39.5,
    "sex": "female",
    "tagged": True,
    "year": 2008,
}


def penguins(rows: int = 60, separator: str = ",") -> str:
    """Three species that bill length and island tell apart, with missing values."""
    lines = [["island", "bill_length_mm", "sex", "tagged", "year", "species"]]
    for row in range(rows):
        kind = row % 3
        lines.append(
            [
                ISLANDS[kind],
                "NA" if row % 10 == 9 else f"{38 + 5 * kind + row % 7 / 5:.1f}",
                "" if row % 15 == 8 else ("male", "female")[row % 2],
                ("True", "False")[row % 5 > 2],
                str(2007 + row % 4),
                SPECIES[kind],
            ]
        )
    return "\n".join(map(separator.join, lines)) + "\n"


def write(folder: Path, text: str, name: str = "penguins.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def train_quickly(
    path: Path,
    target: str,
    *,
    choices: Choices | None = None,
    task: Task | None = None,
    options: Options | None = None,
    report: bool = False,
) -> Path:
    """Train a few steps; the model is `model.pth` beside the table."""
    output = path.parent / "model.pth"
    options = options or Options(hidden=(8,), epochs=2)
    train_table(
        path,
        target,
        output,
        choices or Choices(),
        task,
        options,
        dry_run=False,
        with_report=report,
    )
    return output
