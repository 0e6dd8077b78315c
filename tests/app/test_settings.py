"""Settings come from the environment and the command line, and nothing is guessed."""

from pathlib import Path

import pytest

from app.errors import SettingsError
from app.settings import Settings, variable


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTICLASS_PORT", "9000")
    monkeypatch.setenv("MULTICLASS_MODEL", "wine.pth")
    settings = Settings.read(["--port", "9001"])
    assert settings.port == 9001
    assert settings.model == Path("wine.pth")


def test_every_setting_has_a_meaning() -> None:
    assert all(field.description for field in Settings.model_fields.values())
    assert variable("max_body_bytes") == "MULTICLASS_MAX_BODY_BYTES"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("MULTICLASS_PROT", "1", "unknown setting MULTICLASS_PROT; did you mean MULTICLASS_PORT?"),
        ("MULTICLASS_PORT", "many", "setting MULTICLASS_PORT: .*integer.*, not 'many'"),
        ("MULTICLASS_PORT", "70000", "setting MULTICLASS_PORT: .*65535"),
        ("MULTICLASS_LOG_LEVEL", "loud", "setting MULTICLASS_LOG_LEVEL: .*'debug'"),
        ("MULTICLASS_DRAIN_DELAY_SECONDS", "nan", "setting MULTICLASS_DRAIN_DELAY_SECONDS"),
    ],
)
def test_a_bad_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message):
        Settings.read()
