"""Names from files on a terminal: control characters are escaped, and JSON stays exact."""

import json
import unicodedata
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.checkpoint import save_checkpoint
from stateserve.text import printable, printable_json
from tests.app.cli.conftest import Run
from tests.checkpoints import make_card

HOSTILE = "a\x1b[31m\x07\x9b2J\u202eb\u2066\u200b\u200e\u2028\x7f[red]c"
SHOWN = r"a\x1b[31m\x07\x9b2J\u202eb\u2066\u200b\u200e\u2028\x7f[red]c"
OBEYED = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def is_obeyed(character: str) -> bool:
    return unicodedata.category(character) in OBEYED


@given(st.text(st.characters(), max_size=20))
def test_text_is_shown_without_what_a_terminal_obeys(text: str) -> None:
    shown = printable(text)
    shown.encode()
    # Some format characters of Unicode are visible.
    assert not [c for c in shown if is_obeyed(c) and unicodedata.bidirectional(c) != "AN"]
    if not any(map(is_obeyed, text)) and text.isprintable():
        assert shown == text


@given(st.text(st.characters(), max_size=20))
def test_json_means_the_same_once_it_can_be_shown(text: str) -> None:
    for escaped in (True, False):
        shown = printable_json(json.dumps({text: [text]}, ensure_ascii=escaped, indent=1))
        assert json.loads(shown) == {text: [text]}
        assert not [c for c in shown.replace("\n", "") if unicodedata.category(c) == "Cc"]


def save(path: Path, module: Multiclass | None = None) -> Path:
    module = module or Multiclass().eval()
    card = make_card(module)
    features = [
        each.model_copy(update={"name": f"{index}{HOSTILE}", "unit": HOSTILE})
        for index, each in enumerate(card.features)
    ]
    classes = [f"{HOSTILE}{index}" for index in range(3)]
    changed = card.model_copy(update={"features": features, "classes": classes})
    save_checkpoint(module.state_dict(), changed, path)
    return path


def test_the_names_in_a_card_are_shown_escaped(run: Run, tmp_path: Path) -> None:
    path = save(tmp_path / "made.pth")
    header = ",".join(f'"{index}{HOSTILE}"' for index in range(4))
    (tmp_path / "rows.csv").write_text(f"{header}\n1,2,3,4e9\n", newline="")
    for arguments in (["predict", tmp_path / "rows.csv"], ["predict", "--x", "1"]):
        code, out = run(*arguments, "--model", path)
        shown = f"{code}{out}".replace("\n", "")
        assert SHOWN.partition(r"\u2028")[0] in shown
        assert not [c for c in shown if is_obeyed(c)]


@pytest.mark.parametrize("command", ["inspect", "diff"])
def test_the_names_of_tensors_and_files_are_shown_escaped(
    run: Run, tmp_path: Path, command: str
) -> None:
    path, other = tmp_path / f"{HOSTILE}.pth", tmp_path / "other.pth"
    torch.save({HOSTILE: torch.ones(1)}, path)
    torch.save({"b": torch.ones(1)}, other)
    _, out = run(command, path, *([other] if command == "diff" else []))
    assert SHOWN in out
    assert not [c for c in out.replace("\n", "") if is_obeyed(c)]
    code, out = run(command, tmp_path / f"{HOSTILE}.none", *([other] if command == "diff" else []))
    assert SHOWN in f"{code}{out}"
    _, out = run(command, path, *([other] if command == "diff" else []), "--json")
    assert json.dumps(HOSTILE)[1:-1] in json.dumps(json.loads(out))
    assert not [c for c in out.replace("\n", "") if is_obeyed(c)]


def test_without_a_card_neutral_names_are_taken_with_a_warning(run: Run, tmp_path: Path) -> None:
    torch.save(Multiclass().state_dict(), tmp_path / "article.pth")
    values = [f"--feature-{index}={index}" for index in range(4)]
    code, out = run("predict", *values, "--model", tmp_path / "article.pth")
    assert code == 0
    assert "class_2" in out
    assert "no model card: features and classes have neutral names" in out


def test_a_file_name_that_is_no_text_is_named(run: Run, tmp_path: Path) -> None:
    code, _ = run("inspect", f"{tmp_path}/\udcff.pth")
    assert r"\udcff.pth: No such file" in str(code)
