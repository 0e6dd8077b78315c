"""The site of the documents: complete, strict, searchable, and without another server."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.project import ROOT

# The tags whose address a browser loads on its own.
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src"}


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in LOADED and found.get("rel") != "canonical":
            self.loaded.append(found.get(LOADED[tag]) or "")


# Those of the packages of the site.
@pytest.mark.filterwarnings("ignore")
def test_the_site_is_built_strictly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("material")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    monkeypatch.chdir(ROOT)
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path / "site"))
    build(config)
    site = tmp_path / "site"
    listed = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    written = {page.name for page in (ROOT / "docs").glob("*.md")}
    assert written <= set(listed)
    for name in listed:
        page = _Page()
        page.feed((site / name).with_suffix(".html").read_text())
        assert not [each for each in page.loaded if re.match(r"(https?:)?//", each)], name
    index = json.loads((site / "search" / "search_index.json").read_text())
    texts = {each["location"]: each["text"] for each in index["docs"]}
    assert any("predict_of_version" in text for text in texts.values())
    assert "running_mean" in texts["state.html#parameters-and-buffers"]
    assert any(place.startswith("library.html#stateserve.client") for place in texts)
