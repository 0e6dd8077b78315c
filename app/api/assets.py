"""The files of the page, as a browser gets them: few, compressed, and with their hash in the name.

index.html is served with one style sheet and one script in place of those in app/page. The files
in app/page are served as they are, too: the script's source map refers to them.
"""

import gzip
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from app.api.script import join_modules

FOLDER = Path(__file__).parents[1] / "page"
# Not from the module mimetypes, whose results depend on the machine.
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".map": "application/json",
    ".svg": "image/svg+xml",
}
STYLE = re.compile(r'  <link rel="stylesheet" href="page/(.+?)">\n')
REFERENCE = re.compile(r'(src|href)="page/(.+?)"')


@dataclass(frozen=True)
class Asset:
    """A file; `immutable`: another content would have another path."""

    content: bytes
    compressed: bytes
    media_type: str
    etag: str
    immutable: bool = False


@cache
def assets() -> dict[str, Asset]:
    """Each asset by its path below /page/, made once: no request path reaches the disk."""
    sources = {
        path.relative_to(FOLDER).as_posix(): path.read_text()
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in MEDIA_TYPES
    }
    built = dict(_build(sources))
    page = _refer_to(built, sources["index.html"])
    found = {path: _asset(path, text) for path, text in sources.items()}
    found |= {path: _asset(path, text, immutable=True) for path, text in built.items()}
    return found | {"index.html": _asset("index.html", page)}


def _build(sources: dict[str, str]) -> Iterator[tuple[str, str]]:
    styles = "".join(sources[path] for path in STYLE.findall(sources["index.html"]))
    yield _hashed("style.css", styles), styles
    modules = {path: text for path, text in sources.items() if path.endswith(".js")}
    script = join_modules(modules, "main.js")
    path = _hashed("main.js", script.text)
    yield path, f"{script.text}//# sourceMappingURL={path}.map\n"
    yield f"{path}.map", script.source_map
    yield _hashed("icon.svg", sources["icon.svg"]), sources["icon.svg"]


def _hashed(path: str, text: str) -> str:
    """ "main-0123456789abcdef.js" for "main.js"."""
    name = PurePosixPath(path)
    return f"{name.stem}-{hashlib.sha256(text.encode()).hexdigest()[:16]}{name.suffix}"


def _refer_to(built: dict[str, str], page: str) -> str:
    first, *others = (found[0] for found in STYLE.finditer(page))
    for line in others:
        page = page.replace(line, "")
    page = page.replace(first, '  <link rel="stylesheet" href="page/style.css">\n')
    names = {re.sub("-[0-9a-f]{16}", "", path): path for path in built}
    return REFERENCE.sub(lambda found: f'{found[1]}="page/{names[found[2]]}"', page)


def _asset(path: str, text: str, *, immutable: bool = False) -> Asset:
    content = text.encode()
    media_type = MEDIA_TYPES[PurePosixPath(path).suffix]
    # Without the time, so that each process makes the same bytes.
    compressed = gzip.compress(content, mtime=0)
    return Asset(content, compressed, media_type, hashlib.sha256(content).hexdigest(), immutable)
