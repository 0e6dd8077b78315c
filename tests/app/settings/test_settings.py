"""Settings from the environment and the command line; unknown names are errors."""

import re
from pathlib import Path

import pytest

from app.errors import SettingsError
from app.settings.settings import GROUPS, Settings, variable
from tests.project import IRIS, ROOT


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATESERVE_PORT", "9000")
    monkeypatch.setenv("STATESERVE_MODEL", "wine.pth")
    settings = Settings.read({"port": "9001"})
    assert settings.port == 9001
    assert settings.model == Path("wine.pth")


def test_lists_are_given_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATESERVE_CORS_ORIGINS", "https://a.com, http://localhost:3000")
    settings = Settings.read({"trusted_hosts": "a.com,*.b.com,[::1]"})
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
        (
            "STATESERVE_QQ",
            "1",
            "STATESERVE_QQ; stateserve settings lists all",
        ),
        ("STATESERVE_PORT", "many", "STATESERVE_PORT 'many': needs a whole number from 0 to 65535"),
        ("STATESERVE_PORT", "70000", "STATESERVE_PORT '70000': needs .* from 0 to 65535"),
        ("STATESERVE_PORT", "80_00", "STATESERVE_PORT '80_00': needs a whole number from 0"),
        ("STATESERVE_PORT", " 80", "STATESERVE_PORT ' 80': needs a whole number from 0"),
        ("STATESERVE_GRPC_PORT", "+1", r"STATESERVE_GRPC_PORT '\+1': needs a whole number"),
        ("STATESERVE_DRAIN_DELAY_SECONDS", "1_0", "needs a number, 0 or more"),
        ("STATESERVE_WORKERS", "0", "STATESERVE_WORKERS '0': needs a whole number, 1 or more"),
        ("STATESERVE_LOG_LEVEL", "loud", "needs debug, info, warning or error"),
        ("STATESERVE_LOG_LEVEL", "warn", "error; did you mean warning?"),
        ("STATESERVE_BACKEND", "onnx", "needs auto, eager or onnxruntime; did you mean onnx"),
        ("STATESERVE_TRACING", "perhaps", "STATESERVE_TRACING 'perhaps': needs true or false"),
        ("STATESERVE_DRAIN_DELAY_SECONDS", "nan", "needs a number, 0 or more"),
        ("STATESERVE_PREDICTION_LOG_TIMEOUT_SECONDS", "0", "a number above 0 and up to 3600"),
        ("STATESERVE_CODE", "", "STATESERVE_CODE '': needs a text"),
        ("STATESERVE_CANARY", "wine:2", "STATESERVE_CANARY 'wine:2': use NAME:VERSION=SHARE"),
        ("STATESERVE_CORS_ORIGINS", "", "STATESERVE_CORS_ORIGINS '': needs origins such as"),
        ("STATESERVE_CORS_ORIGINS", "https://a.com/", "CORS_ORIGINS 'https://a.com/': needs"),
        ("STATESERVE_CORS_ORIGINS", "https://a.com,null", "CORS_ORIGINS 'null': needs"),
        ("STATESERVE_TRUSTED_HOSTS", "a.*", "TRUSTED_HOSTS 'a.\\*': needs host names such as"),
        ("STATESERVE_TRUSTED_HOSTS", "*a.com", "TRUSTED_HOSTS"),
        ("STATESERVE_TRUSTED_HOSTS", "a.com:80", "TRUSTED_HOSTS"),
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
    with pytest.raises(SettingsError, match="STATESERVE_ADMIN_TOKEN: needs at least 16") as caught:
        Settings.read()
    assert "too-short" not in str(caught.value)


def test_a_bad_option_is_named_as_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATESERVE_PORT", "80")
    with pytest.raises(SettingsError, match=r"^--port '99999': .* from 0 to 65535$"):
        Settings.read({"port": "99999"})


def test_the_demonstration_is_a_model_of_its_own() -> None:
    settings = Settings.read({"demo": True})
    assert settings.model.read_bytes() == IRIS.read_bytes()
    assert settings.model.with_suffix(".json").read_text() == IRIS.with_suffix(".json").read_text()
    with pytest.raises(SettingsError, match=r"^--demo and --models exclude each other$"):
        Settings.read({"demo": True, "models": "models"})


def test_every_setting_is_in_one_group_of_options() -> None:
    grouped = [name for group in GROUPS for name in group.model_fields]
    assert sorted(grouped) == sorted(Settings.model_fields)
