"""The code on the page runs and does the same as the page."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import rest
from tests.app.page.conftest import OpenPage
from tests.process import Process, running_server
from tests.project import ROOT
from tests.proxies import NGINX, nginx_before
from tests.tables import train_quickly, write

NAMES = ["it's", "größe 📏", 'a "b" \\ c', "$HOME `x`"]
# In CSV, a quote stands twice.
HEADER = """it's,größe 📏 (m),"a ""b"" \\ c",$HOME `x`,kind"""
COMMANDS = {
    "Shell": ("sh", "-c"),
    "JavaScript": ("node", "-e"),
    "Python": (sys.executable, "-c"),
}


@pytest.fixture(scope="module")
def below_a_prefix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A table whose columns have odd names, behind nginx."""
    folder = tmp_path_factory.mktemp("models")
    place = folder / "odd.names-1" / "2"
    place.mkdir(parents=True)
    rows = [f"{i % 7},{i / 10},{i % 3 + i / 100},{-i},{i % 2}" for i in range(40)]
    train_quickly(write(place, "\n".join([HEADER, *rows])), "kind")
    log = tmp_path_factory.mktemp("log")
    with (
        running_server(log / "log", "--models", str(folder)) as server,
        nginx_before(tmp_path_factory.mktemp("nginx"), server.url) as url,
    ):
        yield replace(server, url=f"{url}/prefix")


@pytest.mark.skipif(NGINX is None, reason="needs nginx")
def test_the_code_runs_below_a_prefix_for_a_version_with_odd_names(
    visit: OpenPage, below_a_prefix: Process
) -> None:
    path = "/?model=odd.names-1&version=2"
    page = visit(below_a_prefix, path, folded=True).page
    page.get_by_label("it's, as a number").fill("2.5")
    for title in COMMANDS:
        expect(page.get_by_role("region", name=f"{title} code")).to_contain_text("2.5")
    answers = {title: run(page, title) for title in COMMANDS}
    answer = json.loads(answers["Shell"])
    assert json.loads(answers["JavaScript"]) == answer
    assert answers["Python"] == f"{answer['class']} {answer['probabilities']}\n"
    assert answer["model"]["version"] == "2"
    numbers = [
        float(each.input_value()) for each in page.locator("#sliders [inputmode=decimal]").all()
    ]
    given = dict(zip(NAMES, numbers, strict=True))
    url = f"{below_a_prefix.url}/models/odd.names-1/versions/2/predict"
    assert rest.post(url, json=given).json()["probabilities"] == answer["probabilities"]


def run(page: Page, title: str) -> str:
    code = page.get_by_role("region", name=f"{title} code").text_content() or ""
    command = [*COMMANDS[title], code]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [{"x": [1.5, None], "ok": True}, {"x": [], "ok": False}]},
        {"text": "it's " * 40_000},
    ],
    ids=["several", "long"],
)
def test_several_instances_and_long_ones_survive_both_languages(
    modules: Page, body: dict[str, Any]
) -> None:
    script = """async (instance) => {
        const { curl, python } = await import("/page/panels/snippets.js");
        const request = { base: "https://models.example/a/", instance };
        return [curl(request), python(request)];
    }"""
    shell, python = modules.evaluate(script, body)
    # The last argument of curl, or what it reads.
    stub = 'curl() { test "$2" = https://models.example/a/predict || exit; shift 5; '
    stub += 'if test "$1" = @-; then cat; else printf "%s" "$1"; fi; }\n'
    ran = subprocess.run("sh", input=stub + shell, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == body
    argument = python.partition("client.predict(")[2].partition(")\n\n")[0]
    assert eval(argument) == body.get("instances", body)
