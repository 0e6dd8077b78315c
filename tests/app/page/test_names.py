"""The page of a model with unusual names, and of a model without a card."""

import json
from pathlib import Path

import torch
from playwright.sync_api import expect

from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.checkpoint import save_checkpoint
from tests.app.page.conftest import OpenPage
from tests.checkpoints import make_card
from tests.process import running_server

NAMES = ["__proto__", "constructor", "instances", "toString", 'qu"ote</script>', "\u202e😀 a/b"]


def test_names_of_objects_own_parts_are_names(visit: OpenPage, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Multiclass(len(NAMES), 4, len(NAMES)).eval()
    card = make_card(module)
    features = [
        each.model_copy(update={"name": name})
        for each, name in zip(card.features, NAMES, strict=True)
    ]
    baseline = [0.0] * len(NAMES)
    changed = card.model_copy(update={"features": features, "classes": NAMES, "baseline": baseline})
    save_checkpoint(module.state_dict(), changed, tmp_path / "strange.pth")
    with running_server(tmp_path / "log", "--model", str(tmp_path / "strange.pth")) as server:
        opened = visit(server, "/?instances=0.5&constructor=0.25&nobody=1")
        page = opened.page
        expect(page.locator("#probabilities .name")).to_have_text(NAMES)
        numbers = page.locator("#sliders input[inputmode=decimal]")
        for index, value in enumerate(["0", "0.25", "0.5", "0"]):
            expect(numbers.nth(index)).to_have_value(value)
        body = json.loads(page.evaluate(CURL_BODY))
        assert list(body) == NAMES
        expect(page.locator("#attributions .name")).to_have_text(NAMES)
        numbers.nth(0).fill("0.75")
        expect(page.locator("#verdict .probability")).to_be_visible()
        rows = ",".join(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in NAMES)
        content = f"{rows}\n1,2,3,4,5,6\n"
        file = {"name": "rows.csv", "mimeType": "text/csv", "buffer": content.encode()}
        page.locator("#batch-file").set_input_files(file)
        expect(page.locator("#batch-status")).to_contain_text("1 row")
        opened.close()


# The request of the shell snippet.
CURL_BODY = """
() => [...document.querySelectorAll("#snippets code")][0].textContent.match(/-d '(.*)'\\n$/s)[1]
"""


def test_a_model_without_a_card_can_be_played_with(visit: OpenPage, tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(Multiclass().state_dict(), tmp_path / "iris-model.pth")
    with running_server(tmp_path / "log", "--model", str(tmp_path / "iris-model.pth")) as server:
        opened = visit(server)
        page = opened.page
        expect(page.locator("#facts")).to_contain_text("no model card")
        expect(page.locator("#sliders .note").first).to_have_text("training range not known")
        expect(page.locator("#explanation-reason")).to_contain_text("holds no baseline")
        page.locator("#sliders input[inputmode=decimal]").first.fill("-7")
        expect(page.locator("#verdict .probability")).to_be_visible()
        expect(page.locator("#warnings")).to_be_empty()
        opened.close()
