"""A new version whose card lacks names that the version before has: the log says what to do."""

from pathlib import Path

import pytest
import torch

from app.monitor.metrics import Metrics
from app.registry.folder import Repository
from app.registry.registry import Registry
from app.settings.settings import Settings
from stateserve import save_model
from tests.programs import small_archive

ROWS = torch.randn(6, 2)
CLASSES = {"classes": ["a", "b"]}


def pair() -> torch.nn.Module:
    return torch.nn.Linear(2, 2)


def warnings_of(folder: Path, caplog: pytest.LogCaptureFixture) -> str:
    """What is logged while the newest version is loaded."""
    registry = Registry(
        Repository.of(Settings.read({"models": str(folder)})),
        lambda model: model,  # type: ignore[arg-type, return-value]
        Metrics(),
    )
    registry.load_all()
    found = (each for each in caplog.records if each.name == "app.registry")
    return "\n".join(each.getMessage() for each in found if each.levelname == "WARNING")


def test_lost_names_of_classes_and_columns_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    columns = ["width (cm)", "height (cm)"]
    save_model(pair(), ROWS, tmp_path / "net/9", program=True, features=columns, **CLASSES)
    save_model(pair(), ROWS, tmp_path / "net/10", program=True)
    found = warnings_of(tmp_path, caplog)
    assert "no features of 'input', classes of 'output', which version 9 has" in found
    assert "--features --classes" in found


@pytest.mark.parametrize(("first", "second"), [(CLASSES, CLASSES), ({}, {}), ({}, CLASSES)])
def test_names_that_stay_or_come_are_no_loss(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    first: dict[str, list[str]],
    second: dict[str, list[str]],
) -> None:
    save_model(pair(), ROWS, tmp_path / "net/1", program=True, **first)
    save_model(pair(), ROWS, tmp_path / "net/2", program=True, **second)
    assert warnings_of(tmp_path, caplog) == ""


def test_a_card_before_that_cannot_be_read_is_no_obstacle(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_model(pair(), ROWS, tmp_path / "net/1", program=True, **CLASSES)
    (tmp_path / "net/1/model.json").write_text("{")
    save_model(pair(), ROWS, tmp_path / "net/2", program=True)
    assert warnings_of(tmp_path, caplog) == ""


def test_a_program_without_a_card_has_its_own_signature(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "small.pt2").write_bytes(small_archive())
    found = warnings_of(tmp_path, caplog)
    assert "inputs and outputs are those of the program" in found
    assert "the signature was inferred" not in found
