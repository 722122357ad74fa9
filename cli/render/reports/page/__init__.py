"""A report as one self-contained HTML page: data, style sheet and script in one file.

The script has no dependency, and reads the data from the page. A policy in the page admits this
script and this style sheet by their hashes, and nothing else: no network, no inline handler, no
text that becomes markup.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import zlib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cachedb.cli.render.reports.sections import facts
from cachedb.operations.report import model
from cachedb.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cachedb.operations.report.model import CacheReport, LayerShares

_SCRIPTS: Final = ("core.js", "treemap.js", "tables.js", "charts.js", "main.js")
_LEVEL: Final = 1  # of compression: higher ones take twice the time, and save a tenth
_GZIP: Final = 31  # of zlib: a header and a trailer of gzip, with the time 0
_ROWS: Final = 500
_SECTIONS: Final = (
    ("overview", "Overview"),
    ("space", "Space"),
    ("platforms", "Platforms"),
    ("ages", "Ages and growth"),
    ("images", "Images"),
    ("repositories", "Repositories"),
    ("findings", "Findings"),
)


def page(report: CacheReport, layers: LayerShares) -> Iterator[bytes]:
    """Yield the page in pieces, UTF-8."""
    style = _asset("page.css")
    script = "\n".join(['"use strict";', *map(_asset, _SCRIPTS)])
    title = f"Image cache {html.escape(report.cache)}"
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    links = "".join(f'<li><a href="#{key}">{name}</a></li>' for key, name in _SECTIONS)
    yield f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="cachedb {VERSION}">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
<header class="top">
<div>
<h1>Image cache report</h1>
<p class="sub"><span class="name">{html.escape(report.cache)}</span>,
<time>{report.generated}</time></p>
</div>
<button type="button" id="theme" hidden>Dark</button>
</header>
<nav class="sections" aria-label="Sections"><ul>{links}</ul></nav>
<main id="main">
{_without_script(report)}
</main>
<footer>Made by cachedb {VERSION}. Sizes are powers of 1000, times are UTC.</footer>
<script type="application/octet-stream" id="data">
""".encode()
    yield from _packed(report, layers)
    yield f"\n</script>\n<script>{script}</script>\n</body>\n</html>\n".encode()


def _without_script(report: CacheReport) -> str:
    """Return the fallback content without JavaScript, which the script replaces."""
    rows = "".join(
        f"<tr><th>{html.escape(what)}</th><td>{html.escape(value)}</td></tr>"
        for what, value in facts(report)
    )
    why = "The charts and tables need JavaScript and DecompressionStream."
    return f"<table>{rows}</table><p>{why}</p>"


def _packed(report: CacheReport, layers: LayerShares) -> Iterator[bytes]:
    """Yield the data as Base64 of gzip of JSON, in which no text can end the element.

    Memory is that of a few hundred rows.
    """
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
    left = b""
    for text in _json(report, layers):
        packed = left + packer.compress(text.encode())
        whole = len(packed) - len(packed) % 3  # Base64 encodes three bytes at a time
        left = packed[whole:]
        yield base64.b64encode(packed[:whole])
    yield base64.b64encode(left + packer.flush())


def _json(report: CacheReport, layers: LayerShares) -> Iterator[str]:
    """Yield what the script reads: lists of rows, and the columns of each list once."""
    small = {
        "columns": {key: each._fields for key, each in model.LISTS.items()},
        "totals": report.totals._asdict(),
        "collection": report.collection._asdict(),
        "policy": report.policy and report.policy._asdict(),
    }
    yield json.dumps(small)[:-1]
    for key in (*model.LISTS, "unsigned"):
        yield f', "{key}": '
        yield from _list(getattr(report, key))
    yield f', "layers": {{"digests": "{layers.digests}", "sizes": '
    yield from _list(layers.sizes)
    yield ', "holders": '
    yield from _list(layers.holders)
    yield ', "of": '
    # Differences of sorted places, which compress to a third.
    yield from _list(layers.of_images, _steps)
    yield "}}"


def _list(rows: Sequence[Any], form: Callable[[Any], object] | None = None) -> Iterator[str]:
    """Yield a list of JSON in pieces; `form` makes each row."""
    yield "["
    for start in range(0, len(rows), _ROWS):
        piece = rows[start : start + _ROWS]
        text = json.dumps(list(piece if form is None else map(form, piece)))
        yield (", " if start else "") + text[1:-1]
    yield "]"


def _steps(places: Sequence[int]) -> list[int]:
    return [*places[:1], *(after - before for before, after in pairwise(places))]


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
