"""Random queries: every construct, with values that a generated cache may contain."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field as dataclass_field

from cachedb.query.vocabulary import FIELDS, FLAGS, RELATIONS
from cachedb.query.words import Sort
from tests.query import generate
from tests.query.model import Cache

NOUNS = {
    Sort.REF: ("refs",),
    Sort.BLOB: ("blobs", "blobs", "manifests", "layers", "indexes", "configs", "attestations"),
    Sort.LINK: ("links",),
    Sort.PACKAGE: ("packages",),
    Sort.FILE: ("files",),
}
TIMES = ("2026", "2026-01", "2025-11-30", "30d", "6mo", "1y", "today", "2w", "2024-02")
PERIODS = tuple(text for text in TIMES if text[-1].isdigit() or text == "today")
SIZES = ("0", "500", "1k", "20KB", "1M", "512Mi", "1.5G", "2Gi")
TEXTS = {
    "registry": ("docker.io", "quay.io", "*.io", "localhost:5000", "d*", "?hcr.io"),
    "repo": ("library/*", "acme/*", "*alpine", "tmp/build", "*", "linuxkit/[ik]*", "*/*/*"),
    "repository": ("docker.io/library/*", "*/acme/web", "ghcr.io/tmp/build"),
    "tag": ("latest", "v1.*", "3.*", "v[12].0", "v[!1]*", "edge", "sha-???????", "*"),
    "origin": ("docker.io/*", "*:latest", "x"),
    "type": ("*manifest*", generate.LAYER, "*index*", "application/*"),
    "artifact": ("*cosign*", "*", "application/spdx+json"),
    "os": ("linux", "windows", "*", "unknown"),
    "variant": ("v7", "v2", "", "v?"),
    "entrypoint": ("/bin/sh", "/app*", "*serve", ""),
    "license": ("MIT", "GPL*", "*-only", ""),
    "purl": ("pkg:deb/*", "*openssl*"),
    "name": ("openssl", "m*", "*4j*", "motd"),
    "path": ("/etc/motd", "/etc/*", "/usr/**", "bash", "*.jar", "**/bin/*", "/*", "usr/lib"),
    "file": ("/etc/motd", "/etc/*", "/usr/**", "bash", "*.jar", "**/bin/*", "/*", "usr/lib"),
    "mode": ("0644", "4*", "*55"),
    "target": ("/usr/bin/bash", "*"),
}
PIECES = ("v1", "lib", "a", "/", ".", "o", "0", "image")
PATTERNS = ("^v[0-9]", "(alpine|busybox)$", "[ao]{2,}", "x|y", "^.{3,8}$", r"\d\.\d")
NAMES = (
    "alpine",
    "my-alpine",
    "library/alpine",
    "acme/*",
    "acme/**",
    "docker.io/library/alpine",
    "docker.io/busybox:latest",
    "*:v1.*",
    "nginx:3.19",
    "latest",
    "v1.?",
    "team/api",
    "*.io/**",
    "localhost:5000/*/*",
    "gr*a",
)
PLATFORMS = (
    "linux/arm64",
    "linux/amd64",
    "arm64",
    "linux/arm",
    "linux/arm/v7",
    "aarch64",
    "windows",
    "linux",
    "linux/*",
    "*/amd64",
    "linux/amd64/v2",
    "linux/arm64/v8",
    "unknown/unknown",
)
VERSIONS = ("3.0.14", "2.0.0", "1.2.5-r0", "2.32.0", "1:1.0")
KEYS = {
    "label": (generate.VENDOR, "retention", "*", "nothing"),
    "env": ("PATH", "HOME", "P*"),
    "annotation": ("org.example.*", "org.example.team", "vnd.docker.reference.digest"),
    "pkg": ("openssl", "musl", "log4j-core", "*", "glibc"),
}
PAIR_VALUES = ("Acme", "Acme*", "keep", "*", "red", "test", "/usr/bin:/bin")
SCALARS = {
    Sort.REF: (
        "name",
        "registry",
        "repo",
        "tag",
        "added",
        "used",
        "digest",
        "kind",
        "size",
        "created",
    ),
    Sort.BLOB: ("digest", "kind", "type", "size", "state", "platform", "total", "refs", "arch"),
    Sort.LINK: ("role", "position", "type", "size", "os", "parent", "child", "platform"),
    Sort.PACKAGE: ("name", "version", "license", "type", "purl"),
    Sort.FILE: ("path", "name", "type", "mode", "uid", "size", "modified", "digest", "layer"),
}
GROUPED = {
    Sort.REF: ("registry", "repo", "tag", "source", "kind"),
    Sort.BLOB: ("kind", "type", "state", "arch", "platform"),
    Sort.LINK: ("role", "type", "os"),
    Sort.PACKAGE: ("name", "type", "license"),
    Sort.FILE: ("path", "type", "mode", "digest", "layer"),
}
ADDED_UP = {
    Sort.REF: ("count", "total", "exclusive", "max.used", "min.added", "sum.size"),
    Sort.BLOB: ("count", "total", "sum.size", "max.size", "avg.size", "min.digest"),
    Sort.LINK: ("count", "sum.size", "max.position"),
    Sort.PACKAGE: ("count", "min.name", "max.license"),
    Sort.FILE: ("count", "sum.size", "max.modified", "min.path"),
}
LISTED = {
    Sort.REF: ("platform", "arch", "entrypoint", "license"),
    Sort.BLOB: ("license",),
    Sort.LINK: (),
    Sort.PACKAGE: (),
    Sort.FILE: (),
}
FUNCTIONS = {
    Sort.REF: ("refs", "present"),
    Sort.BLOB: (
        "blobs",
        "descendants",
        "targets",
        "exclusive",
        "ancestors",
        "parents",
        "children",
        "referrers",
        "subjects",
        "present",
    ),
    Sort.LINK: ("present",),
    Sort.PACKAGE: ("packages", "present"),
    Sort.FILE: ("files", "present"),
}


@dataclass
class Writer:
    """Writes queries; `rng` may be Hypothesis' own."""

    rng: random.Random
    cache: Cache
    depth: int = 3

    def query(self) -> str:
        sort = self.rng.choice((*Sort, Sort.REF, Sort.BLOB))
        return f"{self.rng.choice(NOUNS[sort])} {self.expression(sort, self.depth)}"

    def nouns(self) -> Iterable[tuple[Sort, tuple[str, ...]]]:
        return NOUNS.items()

    def with_clauses(self) -> tuple[str, list[str]]:
        """Write a query with clauses; returns the columns that it shows, too."""
        rng = self.rng
        sort = rng.choice(list(Sort))
        text = rng.choice(NOUNS[sort])
        if rng.random() < 0.5:
            text += f" {self.expression(sort, 1)}"
        able = SCALARS[sort]
        if rng.random() < 0.4:
            keys = rng.sample(GROUPED[sort], rng.randint(1, 2))
            able = (*keys, *ADDED_UP[sort])
            text += f" group {','.join(keys)}"
        elif rng.random() < 0.2:
            able = ADDED_UP[sort]
            columns = ["count", *rng.sample([a for a in able if a != "count"], 1)]
            return f"{text} show {','.join(columns)}", columns
        shown = able if " group " in text else (*able, *LISTED[sort])
        columns = rng.sample(shown, rng.randint(1, min(4, len(shown))))
        text += f" show {','.join(columns)}"
        if rng.random() < 0.8:
            keys = rng.sample(able, rng.randint(1, 2))
            text += " sort " + ",".join(rng.choice(("", "-")) + key for key in keys)
        if rng.random() < 0.6:
            text += f" limit {rng.randint(0, 12)}"
            if rng.random() < 0.5:
                text += f" offset {rng.randint(0, 5)}"
        return text, columns

    def expression(self, sort: Sort, depth: int) -> str:
        rng = self.rng
        kind = rng.random()
        if depth <= 0 or kind < 0.45:
            return self.term(sort, depth)
        if kind < 0.6:
            return f"not {self.inner(sort, depth)}"
        joint = rng.choice((" and ", " and ", " or "))
        parts = [self.inner(sort, depth) for _ in range(rng.randint(2, 3))]
        return joint.join(parts)

    def inner(self, sort: Sort, depth: int) -> str:
        text = self.expression(sort, depth - 1)
        joined = " and " in text or " or " in text
        return f"({text})" if joined or self.rng.random() < 0.1 else text

    def term(self, sort: Sort, depth: int) -> str:
        rng = self.rng
        kind = rng.random()
        if depth > 0 and kind < 0.2:
            return self.quantified(sort, depth)
        if depth > 0 and kind < 0.35:
            return self.call(sort, depth)
        if kind < 0.36:
            return rng.choice(("everything", "nothing"))
        if kind < 0.43:
            return self.top(sort, depth)
        if kind < 0.55 and sort in {Sort.REF, Sort.BLOB}:
            return self.selector()
        if kind < 0.55 and sort is Sort.FILE:
            return self.file_selector()
        if kind < 0.65 and FLAGS[sort]:
            words = rng.sample(sorted(FLAGS[sort]), rng.randint(1, 2))
            return f"is:{','.join(words)}"
        if kind < 0.72:
            return self.along(sort)
        return self.field(sort)

    def along(self, sort: Sort) -> str:
        path = []
        for _ in range(self.rng.randint(1, 2)):
            relation = self.rng.choice(sorted(RELATIONS[sort]))
            path.append(relation)
            sort = RELATIONS[sort][relation].to
        if FLAGS[sort] and self.rng.random() < 0.3:
            return f"{'.'.join(path)}.is:{self.rng.choice(sorted(FLAGS[sort]))}"
        return f"{'.'.join(path)}.{self.field(sort)}"

    def quantified(self, sort: Sort, depth: int) -> str:
        rng = self.rng
        relation = rng.choice(sorted(RELATIONS[sort]))
        inner = self.expression(RELATIONS[sort][relation].to, depth - 1)
        word = rng.choice(("any", "all", "no", "count"))
        if word != "all" and rng.random() < 0.2:
            text = f"{word} {relation}"
        else:
            text = f"{word} {relation}({inner})"
        if word != "count":
            return text
        op = rng.choice(("eq", "ne", "lt", "le", "gt", "ge"))
        return f"{text} {op} {rng.randint(0, 6)}"

    def call(self, sort: Sort, depth: int) -> str:
        rng = self.rng
        name = rng.choice(FUNCTIONS[sort])
        if name == "present":
            return f"present({self.expression(sort, depth - 1)})"
        if name in {"targets", "exclusive"}:
            return f"{name}({self.expression(Sort.REF, depth - 1)})"
        to = rng.choice((Sort.BLOB, Sort.BLOB, Sort.REF, Sort.LINK, Sort.PACKAGE, Sort.FILE))
        noun = rng.choice(NOUNS[to])
        inner = self.expression(to, depth - 1)
        # Without a noun the words have to tell the sort, as far as they can.
        # A path alone is taken for the name of an image.
        is_told = to is Sort.FILE or rng.random() < 0.5
        return f"{name}({noun} {inner})" if is_told else f"{name}({inner})"

    def top(self, sort: Sort, depth: int) -> str:
        rng = self.rng
        keys = ",".join(rng.choice(("+", "-")) + key for key in rng.sample(SCALARS[sort], 1))
        text = f"top {rng.randint(1, 5)} by {keys}"
        if rng.random() < 0.6:
            text += f" per {rng.choice(GROUPED[sort])}"
        if depth > 0 and rng.random() < 0.4:
            text += f" of ({self.expression(sort, depth - 1)})"
        return text

    def selector(self) -> str:
        rng = self.rng
        kind = rng.random()
        digest = rng.choice(sorted(self.cache.blobs.values(), key=lambda one: one.id)).digest
        if kind < 0.2:
            return digest
        if kind < 0.3:
            return digest.partition(":")[2][: rng.randint(6, 12)]
        if kind < 0.35:
            return f"**@{digest[:12]}"
        named = sorted({one.name for one in self.cache.refs.values() if one.repo and one.name})
        if kind < 0.6 and named:
            return rng.choice(named)
        return rng.choice(NAMES)

    def file_selector(self) -> str:
        digests = sorted({one.digest for one in self.cache.files.values() if one.digest})
        if digests and self.rng.random() < 0.4:
            return self.rng.choice(digests)[: self.rng.choice((12, 71))]
        return self.rng.choice(TEXTS["path"])

    def field(self, sort: Sort) -> str:
        rng = self.rng
        name = rng.choice([name for name in sorted(FIELDS[sort]) if name not in UNQUERIED])
        if name in KEYS:
            return self.keyed(name)
        if (sort, name) == (Sort.REF, "name") and rng.random() < 0.7:
            return f"name:{','.join(rng.sample(NAMES, rng.randint(1, 3)))}"
        return self.of_file(name) if sort is Sort.FILE else self.of_type(name)

    def of_file(self, name: str) -> str:
        op = self.rng.choice((":", ":", " ne ", " eq "))
        if name == "type":
            return f"type{op}{','.join(self.rng.sample(FILE_TYPES, self.rng.randint(1, 2)))}"
        if name == "digest":
            return f"digest{op}sha256:{self.rng.choice(('61' * 32, '62', '6'))}"
        return self.of_type(name)

    def of_type(self, name: str) -> str:
        rng = self.rng
        op = rng.choice((":", ":", ":", " ne ", " eq "))
        if name in {"added", "pulled", "used", "created", "modified"}:
            return self.time(name)
        if name in {"uid", "gid"}:
            return self.number(name, ("0", "50", "1000"))
        if name in {"size", "total", "exclusive", "position"}:
            return self.number(name, ("0", "1", "2") if name == "position" else SIZES)
        if name == "digest":
            blob = rng.choice(sorted(self.cache.blobs.values(), key=lambda one: one.id))
            return f"{name}{op}{blob.digest[: rng.choice((12, 71))]}"
        if name == "platform":
            return f"{name}{op}{','.join(rng.sample(PLATFORMS, rng.randint(1, 2)))}"
        if name == "version":
            return self.version(name + ":", name)
        words = WORDS.get(name)
        if words:
            return f"{name}{op}{','.join(rng.sample(words, rng.randint(1, 2)))}"
        return self.text(name)

    def text(self, name: str) -> str:
        rng = self.rng
        kind = rng.random()
        if name == "arch":
            return f"arch:{','.join(rng.sample(ARCHITECTURES, rng.randint(1, 2)))}"
        if kind < 0.3:
            op = rng.choice(("starts", "ends", "has"))
            return f"{name} {op} {rng.choice(PIECES)}"
        if kind < 0.4:
            return f"{name} matches '{rng.choice(PATTERNS)}'"
        found = [text or '""' for text in rng.sample(TEXTS[name], rng.randint(1, 2))]
        return f"{name}{rng.choice((':', ':', ' ne ', ' eq '))}{','.join(found)}"

    def keyed(self, name: str) -> str:
        rng = self.rng
        text = f"{name}:{rng.choice(KEYS[name])}"
        if rng.random() < 0.3:
            return text
        if name == "pkg":
            return self.version(text + "=", text)
        op = rng.choice(("=", "=", " ne ", " starts ", " has ", " ends "))
        return f"{text}{op}{rng.choice(PAIR_VALUES)}"

    def version(self, equals: str, compared: str) -> str:
        rng = self.rng
        kind = rng.random()
        if kind < 0.5:
            op = rng.choice(("lt", "le", "gt", "ge", "ne", "eq"))
            return f"{compared} {op} {rng.choice(VERSIONS)}"
        if kind < 0.7:
            return f"{equals}{rng.choice(('2.0..2.9', '..3.0.14', '1.2..'))}"
        return f"{equals}{rng.choice((*VERSIONS, '3.*', '*-1', '*'))}"

    def number(self, name: str, values: tuple[str, ...]) -> str:
        rng = self.rng
        if rng.random() < 0.3:
            low, high = sorted(rng.sample(range(len(values)), 2))
            ends = rng.choice(((low, high), (low, None), (None, high)))
            return f"{name}:{'..'.join('' if at is None else values[at] for at in ends)}"
        op = rng.choice((":", " lt ", " le ", " gt ", " ge ", " ne "))
        return f"{name}{op}{rng.choice(values)}"

    def time(self, name: str) -> str:
        rng = self.rng
        kind = rng.random()
        if kind < 0.2:
            return (
                f"{name}:{rng.choice(('never', 'never,2026', '90d..30d', '..6mo', '2026-01..'))}"
            )
        if kind < 0.6:
            return f"{name} {rng.choice(('before', 'since'))} {rng.choice(TIMES)}"
        op = rng.choice((":", " lt ", " le ", " gt ", " ge ", " ne "))
        return f"{name}{op}{rng.choice(PERIODS)}"


@dataclass
class FleetWriter(Writer):
    """Writes queries of a fleet, whose rows have a cache."""

    names: list[str] = dataclass_field(default_factory=list)

    def field(self, sort: Sort) -> str:
        rng = self.rng
        if rng.random() > 0.15:
            return super().field(sort)
        name = rng.choice(self.names)
        kind = rng.random()
        if kind < 0.3:
            return f"cache ends {name.rpartition('.')[2][-1:]}"
        return f"cache{rng.choice((':', ' ne '))}{rng.choice((name, '*a', '*part', 'x', '*'))}"

    def selector(self) -> str:
        return f"present({super().selector()})"

    def file_selector(self) -> str:
        return f"present({super().file_selector()})"

    def query_with_clauses(self) -> str:
        rng = self.rng
        sort = rng.choice((*Sort, Sort.REF, Sort.BLOB))
        text = f"{rng.choice(NOUNS[sort])} {self.expression(sort, self.depth)}"
        able = (*SCALARS[sort], "cache")
        kind = rng.random()
        if kind < 0.35:
            grouped = (*GROUPED[sort], "cache", "cache")
            keys = list(dict.fromkeys(rng.sample(grouped, rng.randint(1, 2))))
            able = (*keys, *ADDED_UP[sort])
            text += f" group {','.join(keys)}"
        elif kind < 0.5:
            more = rng.sample([one for one in ADDED_UP[sort] if one != "count"], 1)
            return f"{text} show {','.join(('count', *more))}"
        shown = able if " group " in text else (*able, *LISTED[sort])
        text += f" show {','.join(rng.sample(shown, rng.randint(1, min(4, len(shown)))))}"
        if rng.random() < 0.8:
            keys = rng.sample(able, rng.randint(1, 2))
            text += " sort " + ",".join(rng.choice(("", "-")) + key for key in keys)
        if rng.random() < 0.6:
            text += f" limit {rng.randint(0, 12)}"
            if rng.random() < 0.5:
                text += f" offset {rng.randint(0, 5)}"
        return text


UNQUERIED = frozenset({"refs", "parent", "child", "layer", "cache"})
FILE_TYPES = ("file", "symlink", "hardlink", "directory", "whiteout", "opaque")
ARCHITECTURES = ("amd64", "arm64", "x86_64", "arm*", "riscv64", "unknown")
WORDS = {
    "kind": ("index", "manifest", "config", "layer", "attestation", "other"),
    "state": ("missing", "present", "corrupt", "absent", "foreign"),
    "role": ("manifest", "config", "layer", "subject"),
    "source": ("pull", "build", "import"),
}
