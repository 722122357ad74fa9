"""Examples of every command, for --help and the man pages; a test runs each of them."""

from __future__ import annotations

from typing import Final

EXAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "pull": (
        "cachedb pull alpine:3.20",
        "cachedb pull --arch arm64 alpine:3.20",
        "cachedb pull --mirror docker.io=https://mirror.example.com alpine:3.20",
    ),
    "push": (
        "cachedb push registry.example.com/app:1",
        "cachedb push example.com/app:1 --remote-name registry.example.com/app:2",
        "cachedb push --where 'name:registry.example.com/*' --with-arch-tags",
    ),
    "copy": ("cachedb copy registry.example.com/app:1 registry.example.com/app:2",),
    "tags": ("cachedb tags registry.example.com/app",),
    "inspect": (
        "cachedb inspect registry.example.com/app:1",
        "cachedb inspect registry.example.com/app:1 --format json",
    ),
    "import": (
        "cachedb import app.tar tool.tar",
        "cachedb import --name example.com/app:2 app.tar",
        "docker save app | cachedb import --replace -",
    ),
    "export": (
        "cachedb export example.com/app:1 -o image.tar",
        "cachedb export example.com/tool:2 --format docker -o tool.tar",
        "cachedb export example.com/app:1 --format filesystem -o root.tar",
    ),
    "ls": (
        "cachedb ls",
        "cachedb ls arch:arm64",
        "cachedb ls --arch arm64",
        "cachedb ls --format '{name} {size}'",
    ),
    "show": ("cachedb show example.com/app:1",),
    "tree": ("cachedb tree example.com/app:1",),
    "files": ("cachedb files example.com/app:1 --platform linux/amd64",),
    "cat": ("cachedb cat example.com/tool:2:/tool",),
    "diff": ("cachedb diff example.com/app:1 example.com/tool:2 --platform linux/amd64",),
    "waste": ("cachedb waste", "cachedb waste --where repo:app"),
    "sbom": (
        "cachedb sbom registry.example.com/app:1",
        "cachedb sbom registry.example.com/app:1 --format json",
    ),
    "find-root": ("cachedb find-root example.com/app:1",),
    "why": ("cachedb why sha256:9d9e1145cc86",),
    "du": ("cachedb du", "cachedb du --group-by repository", "cachedb du --fleet"),
    "report": (
        "cachedb report",
        "cachedb report --html report.html",
        "cachedb report --format markdown --top 5",
    ),
    "check": (
        "cachedb check --example > rules.toml",
        "cachedb check --example | cachedb check - --fail-on error",
    ),
    "validate": ("cachedb validate", "cachedb validate --arch arm64 example.com/app:1"),
    "verify": ("cachedb verify", "cachedb verify --repair example.com/app:1"),
    "doctor": ("cachedb doctor",),
    "gc": (
        "cachedb gc --dry-run",
        "cachedb gc --grace 0",
        "cachedb gc --drop 'added before 30d' --keep tag:1",
    ),
    "rm": ("cachedb rm --dry-run example.com/app:1", "cachedb rm --where tag:old --yes"),
    "clean": ("cachedb clean --dry-run",),
    "query": (
        "cachedb query layers size gt 1M sort -size",
        "cachedb query refs arch:arm64 show name,size",
        "cachedb query --explain 'refs created before 30d'",
        "cachedb query --fleet 'refs pkg:openssl lt 3.0.12 show cache,name'",
    ),
    "fleet": (
        "cachedb fleet add 'postgresql+psycopg://db.example.com/farm?cache=web-1'",
        "cachedb fleet sync",
        "cachedb fleet list --catalog postgresql+psycopg://db.example.com/farm",
    ),
    "index": ("cachedb index files --all", "cachedb index files example.com/app:1"),
    "tag": ("cachedb tag example.com/app:1 example.com/app:stable",),
    "untag": ("cachedb untag example.com/tool:old",),
    "history": ("cachedb history example.com/tool:2",),
    "pin": ("cachedb pin example.com/app:1",),
    "unpin": ("cachedb unpin example.com/app:1",),
    "log": ("cachedb log --limit 10", "cachedb log tool --operation import --since 7d"),
    "prune": (
        "cachedb prune --dry-run --max-size 50G --keep tag:1",
        "cachedb prune --yes --unused-for 90d",
    ),
    "policy": ("cachedb policy check policy.toml",),
    "sync": ("cachedb sync --dry-run images.txt",),
    "sample": ("cachedb sample", "cachedb sample try"),
    "cache": ("cachedb cache dir",),
    "config": (
        "cachedb config list",
        "cachedb config set pull.platform linux/arm64",
        "cachedb config path",
    ),
}
"""Commands as they are typed, by the name of their command."""


def epilog(name: str) -> str | None:
    """Return the examples of a command as the end of its help, or None."""
    lines = EXAMPLES.get(name, ())
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)]) if lines else None
