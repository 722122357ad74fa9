"""Build hook of hatchling: man pages, from the reference pages that are part of the source.

The reference is generated from the commands and compared by a test, so the pages need neither the
package nor its dependencies while it is built.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_SECTIONS = {"Arguments": "ARGUMENTS", "Options": "OPTIONS", "Commands": "COMMANDS"}
_HELP = re.compile(r"^(?:## cachedb (\S+)\n\n)?```text\n(.*?)^```", re.DOTALL | re.MULTILINE)
_ROW = re.compile(r"  (\S.*?)(?:  +(\S.*))?")
_CODES = re.compile(r"^\| (\d+) \| \S* ?\| (.*?) \|", re.MULTILINE)
_VARIABLES = re.compile(r"^\| `([A-Z_]+)` \| (.*?) \|$", re.MULTILINE)


class ManPages(BuildHookInterface[Any]):
    """Write the man pages to a temporary folder, and install them in `share/man/man1`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the pages to the shared data of a wheel."""
        self._folder = tempfile.TemporaryDirectory(prefix="cachedb-man-")
        if version == "editable":
            return
        for name, text in pages(Path(self.root)).items():
            page = Path(self._folder.name) / name
            page.write_text(text, encoding="utf-8")
            build_data["shared_data"][str(page)] = f"share/man/man1/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary folder."""
        del version, build_data, artifact_path
        self._folder.cleanup()


def pages(root: Path) -> dict[str, str]:
    """Return the man pages by the names of their files."""
    reference = root / "docs" / "reference"
    commands = (reference / "commands.md").read_text(encoding="utf-8")
    codes = _CODES.findall((reference / "exit-codes.md").read_text(encoding="utf-8"))
    variables = _VARIABLES.findall((reference / "environment.md").read_text(encoding="utf-8"))
    found = dict(re.findall(r'^(VERSION) = "(.*)"$', _source_of_version(root), re.MULTILINE))
    helps = _HELP.findall(commands)
    names = [name for name, _ in helps if name]
    texts = {}
    for name, text in helps:
        title = f"cachedb-{name}" if name else "cachedb"
        parts = [_head(title, found["VERSION"], text), *_body(text)]
        if not name:
            parts += [_list("ENVIRONMENT", variables), _list("EXIT STATUS", codes)]
        others = names if not name else [""]
        parts.append(_see_also([f"cachedb-{each}" if each else "cachedb" for each in others]))
        texts[f"{title}.1"] = "".join(parts)
    return texts


def _source_of_version(root: Path) -> str:
    return (root / "cachedb" / "version.py").read_text(encoding="utf-8")


def _head(title: str, version: str, text: str) -> str:
    usage, _, rest = text.partition("\n\n")
    summary = " ".join(rest.partition("\n\n")[0].split()).rstrip(".")
    synopsis = " ".join(usage.removeprefix("Usage:").split())
    return (
        f'.TH "{title.upper()}" "1" "" "cachedb {version}" "cachedb"\n'
        f".SH NAME\n{title} \\- {_roff(summary[:1].lower() + summary[1:])}\n"
        f".SH SYNOPSIS\n.nf\n{_roff(synopsis)}\n.fi\n"
    )


def _body(text: str) -> list[str]:
    """Return the description, and a section for each heading of the help."""
    blocks = re.split(r"^(?=\S[^\n]*:\n)", text.partition("\n\n")[2], flags=re.MULTILINE)
    description, *sections = blocks
    parts = [".SH DESCRIPTION\n", _paragraphs(description)]
    for block in sections:
        heading, _, rows = block.partition("\n")
        options, examples = (*rows.split("\n  Examples:\n"), "")[:2]
        heading = heading.rstrip(":")
        parts.append(f".SH {_SECTIONS.get(heading, heading.upper())}\n{_rows(options)}")
        if examples:
            lines = "\n".join(_roff(line.strip()) for line in examples.strip().splitlines())
            parts.append(f".SH EXAMPLES\n.nf\n{lines}\n.fi\n")
    return parts


def _paragraphs(text: str) -> str:
    found = (" ".join(each.split()) for each in text.strip().split("\n\n"))
    return ".PP\n".join(f"{_roff(each)}\n" for each in found)


def _rows(text: str) -> str:
    """Return the two columns of a help text as tagged paragraphs."""
    rows: list[list[str]] = []
    for line in text.splitlines():
        found = _ROW.fullmatch(line)
        if found:
            rows.append([found[1], found[2] or ""])
        elif line.strip() and rows:
            rows[-1][1] = f"{rows[-1][1]} {line.strip()}".strip()
    return "".join(f".TP\n\\fB{_roff(term)}\\fR\n{_roff(doc)}\n" for term, doc in rows)


def _list(heading: str, rows: list[tuple[str, str]]) -> str:
    shown = "".join(f".TP\n\\fB{_roff(term)}\\fR\n{_roff(_plain(doc))}\n" for term, doc in rows)
    return f".SH {heading}\n{shown}"


def _see_also(names: list[str]) -> str:
    listed = ", ".join(f"\\fB{_roff(name)}\\fR(1)" for name in names)
    return f".SH SEE ALSO\n{listed}\n"


def _plain(markdown: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown).replace("`", "").replace("\\|", "|")


def _roff(text: str) -> str:
    """Escape what roff would interpret: backslashes, hyphens, a leading dot or quote."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped
