"""Settings from the environment and the command line; unknown names are errors."""

import re
from pathlib import Path

import pytest

from app.errors import SettingsError
from app.settings.settings import Settings, variable
from tests.project import ROOT


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATESERVE_PORT", "9000")
    monkeypatch.setenv("STATESERVE_MODEL", "wine.pth")
    settings = Settings.read(["--port", "9001"])
    assert settings.port == 9001
    assert settings.model == Path("wine.pth")


def test_lists_are_given_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATESERVE_CORS_ORIGINS", "https://a.com, http://localhost:3000")
    settings = Settings.read(["--trusted-hosts", "a.com,*.b.com,[::1]"])
    assert settings.cors_origins == ("https://a.com", "http://localhost:3000")
    assert settings.trusted_hosts == ("a.com", "*.b.com", "[::1]")


def test_the_commands_key_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATESERVE_KEY", "ssk_")
    assert Settings.read() == Settings()


def test_every_setting_has_a_meaning() -> None:
    assert all(field.description for field in Settings.model_fields.values())
    assert variable("max_body_bytes") == "STATESERVE_MAX_BODY_BYTES"


def test_every_setting_stands_in_the_documents() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = "\n".join(page.read_text() for page in pages)
    names = [(variable(name), "--" + name.replace("_", "-")) for name in Settings.model_fields]
    assert [
        name for name, option in names if not re.search(rf"{name}\b|{option}(?![\w-])", text)
    ] == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("STATESERVE_PROT", "1", "unknown setting STATESERVE_PROT; did you mean STATESERVE_PORT?"),
        ("STATESERVE_PORT", "many", "setting STATESERVE_PORT: .*integer.*, not 'many'"),
        ("STATESERVE_PORT", "70000", "setting STATESERVE_PORT: .*65535"),
        ("STATESERVE_LOG_LEVEL", "loud", "setting STATESERVE_LOG_LEVEL: .*'debug'"),
        ("STATESERVE_DRAIN_DELAY_SECONDS", "nan", "setting STATESERVE_DRAIN_DELAY_SECONDS"),
        ("STATESERVE_CORS_ORIGINS", "", "setting STATESERVE_CORS_ORIGINS.0"),
        ("STATESERVE_CORS_ORIGINS", "https://a.com/", "CORS_ORIGINS.0: .*not 'https://a.com/'"),
        ("STATESERVE_CORS_ORIGINS", "https://a.com,null", "CORS_ORIGINS.1: .*not 'null'"),
        ("STATESERVE_TRUSTED_HOSTS", "a.*", "TRUSTED_HOSTS.0: .*not 'a"),
        ("STATESERVE_TRUSTED_HOSTS", "*a.com", "TRUSTED_HOSTS.0"),
        ("STATESERVE_TRUSTED_HOSTS", "a.com:80", "TRUSTED_HOSTS.0"),
    ],
)
def test_a_bad_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message):
        Settings.read()


def test_a_token_that_is_refused_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATESERVE_ADMIN_TOKEN", "too-short")
    with pytest.raises(SettingsError, match=r"setting STATESERVE_ADMIN_TOKEN: .*16") as caught:
        Settings.read()
    assert "too-short" not in str(caught.value)
