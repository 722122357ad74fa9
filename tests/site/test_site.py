"""The documentation site is built without the network, and its links lead somewhere."""

import json
import re
from pathlib import Path

import pytest

from cachedb.version import VERSION
from scripts import site

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built behind a proxy that does not answer."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            environment.setenv(name, "http://127.0.0.1:9")
            environment.setenv(name.upper(), "http://127.0.0.1:9")
        return site.build(tmp_path_factory.mktemp("site"))


def test_every_page_is_in_the_site(built: Path) -> None:
    pages = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    made = {path.relative_to(built).with_suffix(".md") for path in built.rglob("*.html")}
    assert pages <= made
    assert {Path("CHANGELOG.md"), Path("CONTRIBUTING.md"), Path("SECURITY.md")} <= made


def test_the_navigation_has_every_page_of_the_index(built: Path) -> None:
    text = (built / "index.html").read_text()
    for page in re.findall(r"\]\(([a-z-]+/[\w-]+)\.md\)", (ROOT / "docs/index.md").read_text()):
        assert f'href="{page}.html"' in text or f'href="./{page}.html"' in text


def test_the_list_of_versions_has_this_one(built: Path) -> None:
    (version,) = json.loads((built.parent / "versions.json").read_text())
    assert version == {"version": VERSION, "title": VERSION, "aliases": ["latest"]}
    assert f"url={VERSION}/index.html" in (built.parent / "index.html").read_text()


def test_an_older_version_stays_in_the_list(built: Path, tmp_path: Path) -> None:
    for name in ("0.0.9", "0.0.10"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text("")
    site.list_versions(tmp_path)
    listed = json.loads((tmp_path / "versions.json").read_text())
    assert [each["version"] for each in listed] == ["0.0.10", "0.0.9"]
    assert built.exists()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('<a href="absent.html">', "page.html: absent.html"),
        ('<a href="other.html#absent">', "page.html: other.html#absent"),
        ('<a href="#absent">', "page.html: #absent"),
        ('<script src="https://cdn.example.com/x.js">', "page.html loads https://cdn.example.com/x.js"),
        ('<link rel="stylesheet" href="//fonts.example.com/">', "page.html loads //fonts.example.com/"),
    ],
    ids=["page", "element", "own-element", "script", "fonts"],
)  # fmt: skip
def test_a_broken_link_is_found(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "page.html").write_text(f'{text}<a href="other.html#here">')
    (tmp_path / "other.html").write_text('<h2 id="here"></h2>')
    assert site.broken(tmp_path) == [fault]
