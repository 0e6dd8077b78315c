"""A model that the service loads anew while its page is open."""

import time
from pathlib import Path

from playwright.sync_api import expect

from stateserve.checkpoint import state_sha256
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.checkpoint import save_checkpoint
from tests import rest
from tests.app.page.conftest import OpenPage
from tests.app.page.percent import percent
from tests.checkpoints import make_card
from tests.networks import seeded
from tests.process import Process, running_server


def write(path: Path, module: Multiclass, names: str = "x") -> str:
    """Returns the hash of the state."""
    card = make_card(module)
    features = [
        each.model_copy(update={"name": f"{names}{place}"})
        for place, each in enumerate(card.features)
    ]
    save_checkpoint(module.state_dict(), card.model_copy(update={"features": features}), path)
    return state_sha256(module.state_dict())


def wait_for(server: Process, sha256: str) -> None:
    while rest.get(f"{server.url}/model").json()["state_sha256"] != sha256:
        time.sleep(0.05)


def test_the_page_shows_the_new_model_as_soon_as_one_answers(
    visit: OpenPage, tmp_path: Path
) -> None:
    path = tmp_path / "toy" / "1" / "model.pth"
    path.parent.mkdir(parents=True)
    write(path, seeded(0))
    with running_server(tmp_path / "log", "--models", str(tmp_path)) as server:
        opened = visit(server, "/?x1=0.5")
        page = opened.page
        expect(page.locator("#replaced")).to_be_hidden()
        new = write(path, seeded(1))
        wait_for(server, new)
        page.get_by_label("x0, as a number").fill("0.25")
        expect(page.locator("#replaced")).to_be_visible()
        expect(page.locator("#facts")).to_contain_text(f"state {new[:12]}")
        instance = {"x0": 0.25, "x1": 0.5, "x2": 0.0, "x3": 0.0}
        answer = rest.post(f"{server.url}/predict", json=instance).json()
        bars = [f"{name} {percent(each)}" for name, each in answer["probabilities"].items()]
        expect(page.locator("#probabilities li")).to_have_text(bars)
        # The features of the next one have other names, so the next input is refused.
        wait_for(server, write(path, seeded(2), "y"))
        page.get_by_label("x0, as a number").fill("0.75")
        expect(page.get_by_label("y0, as a number")).to_have_value("0")
        expect(page.locator("#verdict")).to_contain_text("class-")
        opened.forgiven = "the server responded with a status of"
        opened.complaints.clear()
        opened.close()
