"""Words of first attempts that are not words of the query language, with their equivalents."""

from __future__ import annotations

from typing import Final

from cachedb.patterns import lazy

ORDER: Final = frozenset({"order", "ordered", "sort", "sorted", "by"})
DIRECTIONS: Final = frozenset({"asc", "ascending", "desc", "descending"})
CLAUSES: Final = frozenset({*ORDER, "group", "grouped", "limit", "show", "by"})
SUPERLATIVES: Final = {
    "largest": "-size",
    "biggest": "-size",
    "heaviest": "-size",
    "smallest": "size",
    "newest": "-created",
    "youngest": "-created",
    "oldest": "created",
    "latest": "-created",
}
COMPARATIVES: Final = {
    **dict.fromkeys(("bigger", "larger", "greater", "heavier"), ("size", "gt")),
    **dict.fromkeys(("more", "over", "above"), ("size", "gt")),
    **dict.fromkeys(("smaller", "lighter", "less", "fewer", "under", "below"), ("size", "lt")),
    "older": ("created", "before"),
    "newer": ("created", "since"),
    "younger": ("created", "since"),
}
"""The default field, and the operator."""
UNITS: Final = {
    **dict.fromkeys(("minute", "minutes", "mins"), "min"),
    **dict.fromkeys(("hour", "hours"), "h"),
    **dict.fromkeys(("day", "days"), "d"),
    **dict.fromkeys(("week", "weeks"), "w"),
    **dict.fromkeys(("month", "months"), "mo"),
    **dict.fromkeys(("year", "years"), "y"),
    **{unit: unit.upper() for unit in ("kb", "mb", "gb", "tb")},
}
WITHIN: Final = frozenset({"in", "within", "during", "for", "since"})
PATTERNS: Final = frozenset({"like", "contains", "containing", "includes", "including"})
EQUAL: Final = frozenset({"is", "equals", "equal", "are"})
NEGATIONS: Final = frozenset(
    {"!", "not", "no", "without", "missing", "lacking", "except", "excluding", "non"}
)
OF_PACKAGES: Final = frozenset({"without", "lacking"})
"""Negations before which an unknown word is a package."""
WITH: Final = frozenset({"with", "containing", "contains", "has", "having", "including"})
SBOM: Final = frozenset({"sbom", "sboms"})
USES: Final = frozenset({"uses", "use", "using", "contains", "references", "needs"})
DIGEST: Final = lazy(r"(?:sha\d+:)?[0-9a-f]{6,}")
DOCKER: Final = {
    "dangling": "",
    "reference": "name:{}",
    "until": "created before {}",
    "before": "created before {}",
    "since": "created since {}",
}
"""Filters of docker as `name=value`."""
FLAGS: Final[dict[str, tuple[str | None, str]]] = {
    "dangling": ("blobs", "is:garbage"),
    "orphaned": ("blobs", "is:garbage"),
    "unreferenced": ("blobs", "is:garbage"),
    "unreachable": ("blobs", "is:garbage"),
    "signature": (None, "is:signed"),
    "signatures": (None, "is:signed"),
    "unused": (None, "used:never"),
    "tagged": (None, "not is:untagged"),
    "unpulled": (None, "pulled:never"),
    "multi-arch": (None, "is:multiarch"),
    "multiplatform": (None, "is:multiarch"),
    "multi-platform": (None, "is:multiarch"),
}
"""The default noun, and the term."""
ARCHITECTURES: Final = frozenset(
    {
        "386", "aarch64", "amd64", "arm", "arm64", "armhf", "i386", "loong64", "mips64le",
        "ppc64le", "riscv64", "s390x", "x86_64",
    }
)  # fmt: skip
SYSTEMS: Final = frozenset({"darwin", "freebsd", "linux", "macos", "windows"})
CONNECTIVES: Final = {"&": "and", "&&": "and", "|": "or", "||": "or"}
FILLERS: Final = frozenset(
    {
        "where", "the", "that", "which", "are", "is", "all", "me", "list", "find", "get", "give",
        "have", "please", "with", "a", "an", "any", "whose", "been", "was", "were", "but", "named",
        "called", "ones",
    }
)  # fmt: skip
