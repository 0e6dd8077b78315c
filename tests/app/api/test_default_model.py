"""The default model of a folder: the only one, or the one that the settings name."""

from pathlib import Path

import pytest

from app.errors import SettingsError
from app.settings.settings import Settings
from stateserve.errors import UnreadableCheckpoint
from tests.checkpoints import save_model
from tests.service import open_client

pytestmark = pytest.mark.anyio


async def default_of(**settings: object) -> str:
    async with open_client(Settings(**settings)) as client:
        return str((await client.get("/models")).json()["default"])


async def test_the_only_model_of_a_folder_is_the_default(tmp_path: Path) -> None:
    save_model(tmp_path / "wine/1/x.pth")
    assert await default_of(models=tmp_path) == "wine"


async def test_of_several_models_one_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    save_model(tmp_path / "wine/1/x.pth")
    save_model(tmp_path / "insects.pth")
    with pytest.raises(
        SettingsError, match=r"^--model .*: which is the default\? .* insects, wine"
    ):
        await default_of(models=tmp_path)
    with pytest.raises(SettingsError, match=r"^--model .*'insect'; did you mean insects"):
        await default_of(models=tmp_path, model="insect")
    # Loading may take minutes.
    assert "loaded version" not in caplog.text
    assert await default_of(models=tmp_path, model="insects") == "insects"
    assert "loaded version" in caplog.text


async def test_a_folder_models_of_the_working_folder_is_taken_as_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(Path("models/wine/1/x.pth"))
    assert await default_of() == "wine"
    save_model(Path("models/insects.pth"))
    with pytest.raises(SettingsError, match=r"insects, wine; give --models models --model NAME$"):
        await default_of()
    save_model(Path("models/iris-model.pth"))
    assert await default_of() == "iris-model"


async def test_a_folder_without_models_says_where_one_lies(tmp_path: Path) -> None:
    with pytest.raises(UnreadableCheckpoint, match=r"no model in it; .*stateserve serve --demo"):
        await default_of(models=tmp_path)
