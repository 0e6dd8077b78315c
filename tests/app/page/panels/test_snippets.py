"""The code on the page runs and does the same as the page."""

import json
import subprocess
import sys

from playwright.sync_api import Page, expect

from tests.project import ROOT


def test_the_shell_code_asks_the_same(page: Page) -> None:
    code = page.get_by_role("region", name="Shell code").inner_text()
    result = subprocess.run(["sh", "-c", code], capture_output=True, text=True, check=True)
    expect(page.locator("#verdict")).to_contain_text(json.loads(result.stdout)["class"])


def test_the_python_code_asks_the_same(page: Page) -> None:
    page.get_by_label("petal_length cm, as a number").fill("1.4")
    expect(page.locator("#verdict")).to_contain_text("setosa")
    code = page.get_by_role("region", name="Python code").inner_text()
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout.startswith("setosa ")


def test_names_and_quotes_survive_both_languages(page: Page) -> None:
    instance = {"it's": 1.5, 'a "b" \\ c': -2, "$HOME `x`": 0.1}
    script = """async (instance) => {
        const { curl, python } = await import("/page/panels/snippets.js");
        return [curl("http://127.0.0.1:1/", instance), python("http://127.0.0.1:1/", instance)];
    }"""
    shell, python = page.evaluate(script, instance)
    printed = subprocess.run(
        ["sh", "-c", shell.replace("curl -s", "printf '%s\\n'")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(printed.stdout.splitlines()[-1]) == instance
    argument = python.partition("client.predict(")[2].partition(")\n\nprint")[0]
    assert eval(argument) == instance
