"""`stateserve key new`: prints a key, and its entry for the file."""

import re
import tomllib
from pathlib import Path

import pytest

from app.api.auth.keys import Keys, Scope
from app.settings.settings import Settings
from tests.app.cli.conftest import Run


def test_a_new_key_opens_what_its_entry_says(run: Run, tmp_path: Path) -> None:
    status, printed = run(
        *("key", "new", "dashboard", "--scope", "predict", "--scope", "inspect"),
        *("--rate", "100/minute"),
    )
    assert not status
    entry, _, shown = printed.rpartition("The key, which is kept nowhere: ")
    key = shown.strip()
    assert key not in entry
    assert tomllib.loads(entry)["dashboard"]["rate"] == "100/minute"
    file = tmp_path / "keys.toml"
    file.write_text(entry)
    keys = Keys.of(Settings(api_keys=file))
    for scope in (Scope.PREDICT, Scope.INSPECT):
        assert keys.require(key.encode(), scope).name == "dashboard"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a b", "--scope", "predict"], "a b: accepted is a name of 1 to 64 letters"),
        (
            ["one", "--scope", "predict", "--rate", "often"],
            "one.rate: accepted is .* 100/minute",
        ),
        (["one", "--scope", "all"], "'all' is not one of"),
        (["one"], "--scope"),
    ],
)
def test_a_mistake_makes_no_key(run: Run, arguments: list[str], message: str) -> None:
    status, printed = run("key", "new", *arguments)
    assert status not in (0, None)
    text = f"{status}\n{printed}"
    assert re.search(message, text)
    assert "ssk_" not in text
