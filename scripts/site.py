"""Documentation site: ``python -m scripts.site DIR`` builds DIR/VERSION and DIR/versions.json.

Zensical renders the pages, without the network. Navigation is that of ``docs/index.md``. Links to
files that are no pages become code, and every link of the result is checked.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cachedb.version import VERSION

_ROOT = Path(__file__).resolve().parents[1]
_TOP = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
_SECTION = re.compile(r"^## (.*)$", re.MULTILINE)
_PAGES = {".md", ".png", ".svg", ".txt", ".json", ".sql"}
_CONFIGURATION = {
    "site_name": "cachedb",
    "docs_dir": "docs",
    "site_dir": "site",
    "use_directory_urls": False,
    "theme": {
        "name": "material",
        "font": False,  # fonts of another host
        "features": ["navigation.sections", "navigation.top", "content.code.copy"],
    },
    "extra": {"version": {"provider": "mike"}},
    "markdown_extensions": [{"toc": {"permalink": True}}, "tables", "attr_list"],
}


def build(target: Path) -> Path:
    """Build the site of this version below `target`; return its directory.

    Raises:
        ValueError: A link leads nowhere.
    """
    with tempfile.TemporaryDirectory(prefix="cachedb-site-") as temporary:
        folder = Path(temporary)
        _stage(folder / "docs")
        configuration = {**_CONFIGURATION, "nav": navigation()}
        (folder / "mkdocs.yml").write_text(json.dumps(configuration))
        subprocess.run(
            [sys.executable, "-m", "zensical", "build", "--config-file", "mkdocs.yml"],
            cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        found = broken(folder / "site")
        if found:
            raise ValueError("links that lead nowhere:\n" + "\n".join(found))
        shutil.rmtree(target / VERSION, ignore_errors=True)
        shutil.copytree(folder / "site", target / VERSION)
    list_versions(target)
    return target / VERSION


def navigation() -> list[object]:
    """Return sections and pages of ``docs/index.md``, as the generator reads them."""
    text = (_ROOT / "docs" / "index.md").read_text()
    sections: list[object] = [{"Start": "index.md"}]
    for heading, body in zip(_SECTION.findall(text), _SECTION.split(text)[2::2], strict=True):
        pages = [{title: path.removeprefix("../")} for title, path, _ in _LINK.findall(body)]
        if heading == "Explanation":
            numbered = sorted((_ROOT / "docs" / "decisions").glob("[0-9]*.md"))
            pages = [page for page in pages if "Decisions" not in page]
            listed = ["decisions/index.md", *(f"decisions/{each.name}" for each in numbered)]
            sections += [{heading: pages}, {"Decisions": listed}]
        else:
            sections.append({heading: pages})
    return sections


def broken(site: Path) -> list[str]:
    """Return links that lead to no file or element, and what a page loads from another host."""
    pages = {path: _Page.of(path) for path in site.rglob("*.html")}
    found = []
    for path, page in pages.items():
        if path.name == "404.html":
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            is_there = target.exists() and (
                not parts.fragment or target not in pages or parts.fragment in pages[target].ids
            )
            if not is_there:
                found.append(f"{path.relative_to(site)}: {link}")
        loaded = [each for each in page.loaded if urlsplit(each).netloc]
        found += [f"{path.relative_to(site)} loads {each}" for each in loaded]
    return found


class _Page(HTMLParser):
    """Links and identifiers of a page, and what a browser loads with it."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()

    @classmethod
    def of(cls, path: Path) -> _Page:
        """Read a page."""
        page = cls()
        page.feed(path.read_text())
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the attributes of an element."""
        values = {name: value for name, value in attrs if value}
        if "id" in values:
            self.ids.add(values["id"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in {"script", "img", "iframe"} and "src" in values:
            self.loaded.append(values["src"])
        if tag == "link" and values.get("rel") in {"stylesheet", "preload", "icon"}:
            self.loaded.append(values.get("href", ""))


def _stage(target: Path) -> None:
    """Copy the pages, and those of the root of the repository, with links that work there."""
    shutil.copytree(_ROOT / "docs", target)
    for name in _TOP:
        shutil.copy(_ROOT / name, target / name)
    for page in target.rglob("*.md"):
        origin = _ROOT / page.name if page.parent == target and page.name in _TOP else (
            _ROOT / "docs" / page.relative_to(target)
        )  # fmt: skip
        text = page.read_text()
        page.write_text(_LINK.sub(lambda found: _link(found, origin, page, target), text))  # noqa: B023


def _link(found: re.Match[str], origin: Path, page: Path, target: Path) -> str:
    text, path, fragment = found[1], found[2], found[3] or ""
    if "://" in path:
        return found[0]
    named = (origin.parent / path).resolve()
    try:
        inside = named.relative_to(_ROOT / "docs")
    except ValueError:
        inside = named.relative_to(_ROOT)
        if str(inside) == "README.md":
            inside = Path("index.md")
        elif str(inside) not in _TOP:
            return text if text.startswith("`") else f"`{inside}`"
    if named.suffix not in _PAGES:
        return text if text.startswith("`") else f"`{inside}`"
    steps = "../" * (len(page.relative_to(target).parts) - 1)
    return f"[{text}]({steps}{inside}{fragment})"


def list_versions(target: Path) -> None:
    """Write the list that the menu of versions reads, newest first, and send visitors there."""
    numbers = {
        path.parent.name: [int(each) for each in re.findall(r"\d+", path.parent.name)]
        for path in target.glob("*/index.html")
    }
    versions = sorted(numbers, key=lambda name: numbers[name], reverse=True)
    listed = [
        {"version": name, "title": name, "aliases": ["latest"] if name == versions[0] else []}
        for name in versions
    ]
    (target / "versions.json").write_text(json.dumps(listed))
    (target / "index.html").write_text(
        f'<!doctype html><title>cachedb</title><meta http-equiv="refresh" content="0; '
        f'url={versions[0]}/index.html"><a href="{versions[0]}/index.html">cachedb</a>\n'
    )


if __name__ == "__main__":
    build(Path(sys.argv[1]))
