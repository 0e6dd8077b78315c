"""Pages of the site that are no files in docs/, and links to files that are not on the site."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
# Files of the project's folder that are pages of the site.
PAGES = {"ARCHITECTURE.md": "architecture.md", "CHANGELOG.md": "changelog.md"}
PAGES |= {"CONTRIBUTING.md": "contributing.md", "README.md": "index.md"}
# The page of the HTTP interface, to which a table is added.
OPERATIONS = "http.md"
LINK = re.compile(r"(!?)\[([^\]]+)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    from mkdocs.structure.files import File

    pages = {page: ROOT.joinpath(name).read_text() for name, page in PAGES.items()}
    del pages["index.md"]
    for name, text in pages.items():
        # Their links are relative to the project's folder.
        text = LINK.sub(lambda found: moved(found, ROOT), text)
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: "Page", **_: object) -> str:
    if page.file.src_uri == OPERATIONS:
        markdown = markdown.rpartition("\n`make docs`")[0] + operations()
    return LINK.sub(lambda found: moved(found, ROOT / "docs"), markdown)


def moved(link: re.Match[str], folder: Path) -> str:
    """A link to a page of the site, or the path of a file that is not on it."""
    picture, text, target, anchor = link.groups()
    path = Path(folder, target).resolve()
    if path.is_relative_to(ROOT / "docs"):
        return f"{picture}[{text}]({path.relative_to(ROOT / 'docs')}{anchor or ''})"
    name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else target
    if page := PAGES.get(name):
        return f"[{text}]({page}{anchor or ''})" if page != "index.md" else f"[{text}]({page})"
    if name in PAGES.values():
        return link[0]
    return text if text.strip("`") == name else f"{text} (`{name}`)"


def operations() -> str:
    """Every operation of the HTTP interface, from its OpenAPI document."""
    from app.api import create_app
    from app.settings import Settings

    iris = ROOT / "models" / "iris-model.pth"
    document = create_app(Settings(model=iris, hot_reload=False)).openapi()
    lines = [""]
    for tag, rows in by_tag(document["paths"]).items():
        lines += ["", f"## {tag.replace('_', ' ').capitalize()}", ""]
        lines += ["| request | | operation |", "| --- | --- | --- |", *rows]
    return "\n".join(lines)


def by_tag(paths: dict[str, dict[str, dict[str, object]]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, verbs in paths.items():
        for verb, operation in verbs.items():
            (tag, *_) = operation["tags"]
            request, name = f"`{verb.upper()} {path}`", f"`{operation['operationId']}`"
            found.setdefault(tag, []).append(f"| {request} | {operation['summary']} | {name} |")
    return found
