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
    "big": "-size",
    "large": "-size",
    "huge": "-size",
    "small": "size",
    "tiny": "size",
    "new": "-created",
    "recent": "-created",
    "old": "created",
    "most-referenced": "-refs",
}
ADVERBS: Final = {"recently": "-", "most": "-", "least": "", "longest": "", "last": "-"}
"""Words before a time, which sort by it, with the sign of the key."""
COMPARATIVES: Final[dict[str, tuple[str, str]]] = {
    **dict.fromkeys(("bigger", "larger", "greater", "heavier"), ("size", "gt")),
    **dict.fromkeys(("more", "over", "above"), ("size", "gt")),
    **dict.fromkeys(("smaller", "lighter", "less", "fewer", "under", "below"), ("size", "lt")),
    "older": ("created", "before"),
    "newer": ("created", "since"),
    "younger": ("created", "since"),
}
"""Comparative words with their default field and their operator."""
SYNONYMS: Final = {
    "architecture": "arch",
    "created_at": "created",
    "createdat": "created",
    "hash": "digest",
    "host": "registry",
    "hostname": "registry",
    "id": "digest",
    "image_id": "digest",
    "imageid": "digest",
    "image": "name",
    "last_used": "used",
    "lastused": "used",
    "mediatype": "type",
    "operating_system": "os",
    "operatingsystem": "os",
    "project": "repo",
    "ref": "name",
    "reference": "name",
    "repotag": "name",
    "repotags": "name",
    "sha": "digest",
    "virtual_size": "size",
    "virtualsize": "size",
}
"""Names of fields in other tools; but for the first, only before an operator."""
AUTHORS: Final = frozenset({"author", "authors", "maintainer", "maintainers"})
PLURALS: Final = {
    "architectures": "arch",
    "digests": "digest",
    "ecosystems": "type",
    "licenses": "license",
    "names": "name",
    "platforms": "platform",
    "registries": "registry",
    "repos": "repo",
    "repositories": "repo",
    "sizes": "size",
    "tags": "tag",
    "versions": "version",
    "labels": "label",
}
"""Fields whose values are asked for: `list tags`."""
ATTRIBUTES: Final = {"id": "digest", "sha": "digest", "hash": "digest", "age": "created"}
"""Words for the column of an image: `id of nginx`."""
TAG: Final = frozenset({"tag", "version", "release"})
COUNTED: Final = {
    "platform": "manifest",
    "platforms": "manifest",
    "architecture": "manifest",
    "architectures": "manifest",
}
"""Relations that are counted for a word: an image has a manifest for each platform."""
STOPS: Final = frozenset(
    {
        "all", "and", "any", "are", "but", "by", "desc", "asc", "does", "each", "every",
        "except", "for", "from", "glob", "has", "have", "in", "is", "isnt", "like", "ls", "no",
        "not", "of", "on", "only", "or", "per", "please", "starting", "than", "that", "the",
        "then", "to", "which", "who", "whose", "with", "without",
    }
)  # fmt: skip
"""Words that are no values: a rule that would read one as a value has misread the sentence."""
PACKAGE_TYPES: Final = {
    "apk": "apk", "cargo": "cargo", "crate": "cargo", "deb": "deb", "debian": "deb", "dpkg": "deb",
    "gem": "gem", "go": "golang", "golang": "golang", "java": "maven", "javascript": "npm",
    "maven": "maven", "node": "npm", "npm": "npm", "nuget": "nuget", "pip": "pypi",
    "pypi": "pypi", "python": "pypi", "rpm": "rpm", "ruby": "gem", "rust": "cargo",
}  # fmt: skip
"""Adjectives of packages, with their type in package URLs."""
VERSIONS: Final = {
    **dict.fromkeys(("older", "before", "below", "under", "less", "lower"), "lt"),
    **dict.fromkeys(("newer", "after", "above", "over", "greater", "higher"), "gt"),
    "since": "ge",
}
"""Words before a version, with their operator."""
LICENSES: Final = {
    "apache": "*Apache*", "bsd": "*BSD*", "gpl": "*GPL*", "isc": "*ISC*", "lgpl": "*LGPL*",
    "agpl": "*AGPL*", "mit": "*MIT*", "mpl": "*MPL*",
}  # fmt: skip
FUNCTIONS: Final = {
    "total": "total",
    "sum": "sum",
    "average": "avg",
    "avg": "avg",
    "mean": "avg",
    "max": "max",
    "maximum": "max",
    "min": "min",
    "minimum": "min",
}
"""Words for aggregates."""
FOR_EACH: Final = frozenset({"by", "per", "each"})
SIZES: Final = frozenset({"size", "space", "usage", "bytes"})
UNITS: Final = {
    **dict.fromkeys(("minute", "minutes", "mins"), "min"),
    **dict.fromkeys(("hour", "hours"), "h"),
    **dict.fromkeys(("day", "days"), "d"),
    **dict.fromkeys(("week", "weeks"), "w"),
    **dict.fromkeys(("month", "months"), "mo"),
    **dict.fromkeys(("year", "years"), "y"),
    **{unit: unit.upper() for unit in ("kb", "mb", "gb", "tb")},
    **dict.fromkeys(("kilobytes", "kilobyte"), "kB"),
    **dict.fromkeys(("megabytes", "megabyte"), "MB"),
    **dict.fromkeys(("gigabytes", "gigabyte"), "GB"),
    **{unit.lower(): unit for unit in ("KiB", "MiB", "GiB", "TiB")},
    **dict.fromkeys(("second", "seconds", "secs"), "s"),
}
WITHIN: Final = frozenset({"in", "within", "during", "for", "since"})
MOMENTS: Final = {"before": "before", "until": "before", "since": "since", "after": "after"}
PATTERNS: Final = frozenset(
    {"like", "contains", "containing", "includes", "including", "matching"}
)
EQUAL: Final = frozenset({"is", "equals", "equal", "are"})
NEGATIONS: Final = frozenset(
    {"!", "not", "no", "without", "missing", "lacking", "except", "excluding", "non"}
)
OF_PACKAGES: Final = frozenset({"without", "lacking"})
"""Negations before which an unknown word is a package."""
WITH: Final = frozenset({"with", "containing", "contains", "has", "having", "including"})
SBOM: Final = frozenset({"sbom", "sboms"})
USES: Final = frozenset(
    {"uses", "use", "using", "contains", "containing", "with", "has", "references", "needs", "is"}
)
QUALIFIERS: Final = frozenset(
    {*SUPERLATIVES, *ADVERBS, *COMPARATIVES, *NEGATIONS, *WITH, "never", "top", "first", "head"}
)
"""Words about other words, which are no names."""
OF: Final = frozenset({"of", "in", "inside", "within", "from", "for"})
BASED: Final = frozenset({"based", "built", "derived", "base"})
COMPRESSIONS: Final = frozenset({"gzip", "zstd", "zstandard", "uncompressed"})
DIGEST: Final = lazy(r"(?:sha\d+:)?[0-9a-f]{6,}")
DOCKER: Final = {
    "dangling": "",
    "reference": "name:{}",
}
"""Filters of docker as `name=value`."""
FLAGS: Final[dict[str, tuple[str | None, str]]] = {
    "dangling": ("blobs", "is:garbage"),
    "orphaned": ("blobs", "is:garbage"),
    "unreferenced": ("blobs", "is:garbage"),
    "unreachable": ("blobs", "is:garbage"),
    "orphans": ("blobs", "is:garbage"),
    "orphan": ("blobs", "is:garbage"),
    "reclaimable": ("blobs", "is:garbage"),
    "tagless": (None, "is:untagged"),
    "corrupted": ("blobs", "is:corrupt"),
    "damaged": (None, "is:broken"),
    "invalid": (None, "is:broken"),
    "locked": (None, "is:pinned"),
    "unlabeled": (None, "not label:*"),
    "unlabelled": (None, "not label:*"),
    "nondistributable": ("layers", "state:foreign"),
    "artifacts": (None, "artifact:*"),
    "suid": ("files", "is:setuid"),
    "sgid": ("files", "is:setgid"),
    "empty": ("blobs", "size:0"),
    "duplicated": ("blobs", "is:shared"),
    "duplicate": ("blobs", "is:shared"),
    "signature": (None, "is:signed"),
    "signatures": (None, "is:signed"),
    "unused": (None, "used:never"),
    "tagged": (None, "not is:untagged"),
    "unpulled": (None, "pulled:never"),
    "multi-arch": (None, "is:multiarch"),
    "multiplatform": (None, "is:multiarch"),
    "multi-platform": (None, "is:multiarch"),
}
"""Words with their default noun, or None, and the term that they stand for."""
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
        "have", "please", "with", "a", "an", "any", "whose", "been", "was", "were", "but",
        "ones", "there", "do", "does", "i", "both", "compressed", "search",
    }
)  # fmt: skip
