"""Vocabulary: nouns, fields, relations, functions, flags and their types.

This is the only such table. The parser, the checker, the suggestions, completion and the
reference page read it; `compile` holds the SQL of every entry and a test compares the two.
New entries never change the meaning of an old query: bare words are references, flags stand behind
`is:` and functions before `(`, so a name that is not in the table is an error until it is added.
"""

from __future__ import annotations

from typing import Final

from cachedb.query.words import (
    FILE_TYPES,
    IN_FILE,
    IN_PACKAGE,
    KINDS,
    ROLES,
    SOURCES,
    STATES,
    Field,
    FlagWord,
    Function,
    Noun,
    Relation,
    Sort,
    Type,
)


def _blob_noun(kind: str, plural: str, doc: str) -> Noun:
    return Noun(name=plural, sort=Sort.BLOB, kind=kind, doc=doc)


_NOUNS: Final = (
    Noun(name="refs", sort=Sort.REF, doc="names in the cache: entries of index.json"),
    Noun(name="images", sort=Sort.REF, doc="another word for refs"),
    Noun(name="blobs", sort=Sort.BLOB, doc="content, present or only declared by a descriptor"),
    _blob_noun("index", "indexes", "blobs that are image indexes"),
    _blob_noun("manifest", "manifests", "blobs that are image manifests"),
    _blob_noun("config", "configs", "blobs that are image configurations"),
    _blob_noun("layer", "layers", "blobs that are layers"),
    _blob_noun("attestation", "attestations", "blobs that are attestations or signatures"),
    Noun(name="links", sort=Sort.LINK, doc="descriptors inside documents"),
    Noun(name="packages", sort=Sort.PACKAGE, doc="versions of packages, as SBOMs name them"),
    Noun(name="files", sort=Sort.FILE, doc="entries of layers in the index of files"),
)
NOUNS: Final = {noun.name: noun for noun in _NOUNS}
CACHE: Final = "cache"
"""The field of a row of any sort that only a query of a fleet has."""

_CONTENT: Final = (
    ("digest", Type.DIGEST, "digest, or the beginning of one"),
    ("type", Type.TEXT, "media type"),
    ("artifact", Type.TEXT, "artifact type"),
)
_IN_MANIFEST: Final = ("manifest", "config")
_IN_CONFIG: Final = ("config",)
_INSIDE: Final = (
    ("platform", Type.PLATFORM, _IN_MANIFEST, "platform of a manifest inside: os/arch/variant"),
    ("arch", Type.ARCHITECTURE, _IN_MANIFEST, "architecture of a manifest inside"),
    ("os", Type.TEXT, _IN_MANIFEST, "operating system of a manifest inside"),
    ("variant", Type.TEXT, _IN_MANIFEST, "variant of the architecture of a manifest inside"),
    ("label", Type.MAP, _IN_CONFIG, "label of a config inside"),
    ("env", Type.MAP, _IN_CONFIG, "environment variable of a config inside"),
    ("created", Type.TIME, _IN_CONFIG, "creation time of the image, as a config inside states it"),
    ("entrypoint", Type.TEXT, _IN_CONFIG, "entrypoint of a config inside, joined by blanks"),
    ("pkg", Type.MAP, IN_PACKAGE, "package inside, by name; its value is the version"),
    ("license", Type.TEXT, IN_PACKAGE, "license of a package inside"),
    ("file", Type.PATH, IN_FILE, "path of a file inside that a container sees"),
)


def _content_fields(sort: Sort) -> tuple[Field, ...]:
    return (
        *(
            Field(name=name, sort=sort, type=kind, doc=doc, nullable=name == "artifact")
            for name, kind, doc in _CONTENT
        ),
        Field(
            name="kind",
            sort=sort,
            type=Type.ENUM,
            words=KINDS,
            doc="kind of content: index, manifest, config, layer, …",
        ),
        Field(name="annotation", sort=sort, type=Type.MAP, doc="annotation of the document"),
        *(
            Field(name=name, sort=sort, type=kind, doc=doc, inside=inside, nullable=True)
            for name, kind, inside, doc in _INSIDE
        ),
    )


def _text(name: str, sort: Sort, doc: str, *, nullable: bool = False) -> Field:
    return Field(name=name, sort=sort, type=Type.TEXT, doc=doc, nullable=nullable)


def _size(name: str, sort: Sort, doc: str, *, computed: bool = False) -> Field:
    return Field(name=name, sort=sort, type=Type.SIZE, doc=doc, computed=computed)


def _count(name: str, sort: Sort, doc: str) -> Field:
    return Field(name=name, sort=sort, type=Type.NUMBER, doc=doc, computed=True)


def _time(name: str, doc: str, *, nullable: bool = False) -> Field:
    return Field(name=name, sort=Sort.REF, type=Type.TIME, doc=doc, nullable=nullable)


def _cache_field(sort: Sort) -> Field:
    return _text(CACHE, sort, "name of the cache, in queries of a fleet")


_REF_FIELDS: Final = (
    Field(name="name", sort=Sort.REF, type=Type.NAME, doc="the name", nullable=True),
    _text("registry", Sort.REF, "host and port", nullable=True),
    _text("repo", Sort.REF, "path within the registry, as in library/alpine", nullable=True),
    _text("repository", Sort.REF, "registry/repo", nullable=True),
    _text("tag", Sort.REF, "the tag", nullable=True),
    Field(
        name="source",
        sort=Sort.REF,
        type=Type.ENUM,
        words=SOURCES,
        doc="operation that added it; none when another tool wrote it",
        nullable=True,
    ),
    _text("origin", Sort.REF, "reference that it was pulled from", nullable=True),
    _time("added", "time at which it was added to the cache"),
    _time("pulled", "time of the last pull", nullable=True),
    _time("used", "time of the last use", nullable=True),
    _size("size", Sort.REF, "bytes on disk of its content", computed=True),
    _size("exclusive", Sort.REF, "bytes on disk that no other digest shares", computed=True),
    *_content_fields(Sort.REF),
)
_BLOB_FIELDS: Final = (
    *_content_fields(Sort.BLOB),
    _size("size", Sort.BLOB, "bytes"),
    Field(
        name="state", sort=Sort.BLOB, type=Type.ENUM, words=STATES, doc="presence in the layout"
    ),
    _size("total", Sort.BLOB, "bytes on disk of its content", computed=True),
    _count("refs", Sort.BLOB, "number of references that contain it"),
)
_LINK_FIELDS: Final = (
    Field(
        name="role",
        sort=Sort.LINK,
        type=Type.ENUM,
        words=ROLES,
        doc="role of the child in the document",
    ),
    Field(
        name="position", sort=Sort.LINK, type=Type.NUMBER, doc="position within its role, from 0"
    ),
    Field(
        name="platform",
        sort=Sort.LINK,
        type=Type.PLATFORM,
        doc="platform that the descriptor declares",
        nullable=True,
    ),
    Field(
        name="arch", sort=Sort.LINK, type=Type.ARCHITECTURE, doc="its architecture", nullable=True
    ),
    _text("os", Sort.LINK, "its operating system", nullable=True),
    _text("variant", Sort.LINK, "its variant", nullable=True),
    _text("type", Sort.LINK, "media type that the descriptor declares"),
    _text("artifact", Sort.LINK, "artifact type that the descriptor declares", nullable=True),
    _size("size", Sort.LINK, "size that the descriptor declares"),
    Field(name="annotation", sort=Sort.LINK, type=Type.MAP, doc="annotation of the descriptor"),
    Field(name="parent", sort=Sort.LINK, type=Type.DIGEST, doc="digest of its document"),
    Field(name="child", sort=Sort.LINK, type=Type.DIGEST, doc="digest of its target"),
)
_PACKAGE_FIELDS: Final = (
    _text("name", Sort.PACKAGE, "the name"),
    Field(name="version", sort=Sort.PACKAGE, type=Type.VERSION, doc="the version"),
    Field(
        name="purl", sort=Sort.PACKAGE, type=Type.PACKAGE_URL, doc="package URL in canonical form"
    ),
    _text("license", Sort.PACKAGE, "license expression"),
    _text("type", Sort.PACKAGE, "kind of package, as in deb, apk, pypi"),
)
_FILE_FIELDS: Final = (
    Field(name="path", sort=Sort.FILE, type=Type.PATH, doc="absolute path"),
    _text("name", Sort.FILE, "last part of the path"),
    Field(name="type", sort=Sort.FILE, type=Type.ENUM, words=FILE_TYPES, doc="type of the entry"),
    _text("mode", Sort.FILE, "permissions, four octal digits: 4755"),
    Field(name="uid", sort=Sort.FILE, type=Type.NUMBER, doc="user ID of the owner"),
    Field(name="gid", sort=Sort.FILE, type=Type.NUMBER, doc="ID of the group"),
    _size("size", Sort.FILE, "bytes of the content"),
    Field(name="modified", sort=Sort.FILE, type=Type.TIME, doc="time of the last modification"),
    _text("target", Sort.FILE, "target of a link", nullable=True),
    Field(
        name="digest",
        sort=Sort.FILE,
        type=Type.DIGEST,
        doc="SHA-256 of the content of a regular file",
        nullable=True,
    ),
    Field(
        name="layer", sort=Sort.FILE, type=Type.DIGEST, nullable=True, doc="digest of its layer"
    ),
)
FIELDS: Final[dict[Sort, dict[str, Field]]] = {
    sort: {field.name: field for field in (*fields, _cache_field(sort))}
    for sort, fields in (
        (Sort.REF, _REF_FIELDS),
        (Sort.BLOB, _BLOB_FIELDS),
        (Sort.LINK, _LINK_FIELDS),
        (Sort.PACKAGE, _PACKAGE_FIELDS),
        (Sort.FILE, _FILE_FIELDS),
    )
}
# Columns to show and sort by; in terms these words are a noun and relations.
UNQUERIED: Final = frozenset({"refs", "parent", "child", "layer"})
KEYED_FIELDS: Final = ("label", "env", "annotation", "pkg")
FIELD_NAMES: Final = tuple(
    dict.fromkeys(
        name
        for fields in FIELDS.values()
        for name in fields
        if name not in UNQUERIED and name not in KEYED_FIELDS
    )
)


def _contained(sort: Sort) -> tuple[Relation, ...]:
    kinds = [kind for kind in KINDS if kind != "other"]
    return (
        Relation(
            name="blob", sort=sort, to=Sort.BLOB, contained=True, doc="any blob that it contains"
        ),
        *(
            Relation(
                name=kind,
                sort=sort,
                to=Sort.BLOB,
                kind=kind,
                contained=True,
                doc=f"any {kind} that it contains",
            )
            for kind in kinds
        ),
        Relation(
            name="package", sort=sort, to=Sort.PACKAGE, contained=True, doc="a package inside"
        ),
    )


def _relation(name: str, sort: Sort, to: Sort, doc: str) -> Relation:
    return Relation(name=name, sort=sort, to=to, doc=doc)


_RELATIONS: Final = (
    _relation("target", Sort.REF, Sort.BLOB, "its target"),
    *_contained(Sort.REF),
    _relation("referrer", Sort.REF, Sort.BLOB, "a document whose subject it contains"),
    _relation("file", Sort.REF, Sort.FILE, "a file that containers of an image inside see"),
    *_contained(Sort.BLOB),
    _relation("child", Sort.BLOB, Sort.BLOB, "a blob that it owns directly"),
    _relation("parent", Sort.BLOB, Sort.BLOB, "a blob that owns it directly"),
    _relation("ref", Sort.BLOB, Sort.REF, "a reference that points at it"),
    _relation("subject", Sort.BLOB, Sort.BLOB, "its subject"),
    _relation("referrer", Sort.BLOB, Sort.BLOB, "a document of which it is the subject"),
    _relation("link", Sort.BLOB, Sort.LINK, "a descriptor that points at it"),
    _relation("file", Sort.BLOB, Sort.FILE, "an entry of a layer, or a file that an image shows"),
    _relation("parent", Sort.LINK, Sort.BLOB, "the document that holds it"),
    _relation("child", Sort.LINK, Sort.BLOB, "its target"),
    _relation("blob", Sort.PACKAGE, Sort.BLOB, "a manifest in which it was found"),
    _relation("layer", Sort.FILE, Sort.BLOB, "the layer that holds it"),
    _relation("manifest", Sort.FILE, Sort.BLOB, "an image whose containers see it"),
)
RELATIONS: Final[dict[Sort, dict[str, Relation]]] = {
    sort: {relation.name: relation for relation in _RELATIONS if relation.sort is sort}
    for sort in Sort
}
RELATION_NAMES: Final = tuple(dict.fromkeys(relation.name for relation in _RELATIONS))


def _function(name: str, takes: Sort | None, gives: Sort | None, doc: str) -> Function:
    return Function(name=name, takes=takes, gives=gives, doc=doc)


_FUNCTIONS: Final = (
    _function("refs", Sort.BLOB, Sort.REF, "references that contain any of these"),
    _function("blobs", None, Sort.BLOB, "blobs that these contain, themselves included"),
    _function("descendants", None, Sort.BLOB, "another word for blobs(…)"),
    _function("targets", Sort.REF, Sort.BLOB, "targets of these references"),
    _function("exclusive", Sort.REF, Sort.BLOB, "blobs that removing exactly these would free"),
    _function("ancestors", Sort.BLOB, Sort.BLOB, "blobs that contain any of these"),
    _function("parents", Sort.BLOB, Sort.BLOB, "blobs that own any of these directly"),
    _function("children", Sort.BLOB, Sort.BLOB, "blobs that any of these owns directly"),
    _function("referrers", Sort.BLOB, Sort.BLOB, "documents whose subject is any of these"),
    _function("subjects", Sort.BLOB, Sort.BLOB, "subjects of these"),
    _function("packages", None, Sort.PACKAGE, "packages found in these"),
    _function(
        "files", None, Sort.FILE, "entries of these layers, and visible files of images inside"
    ),
    _function(
        "present", None, None, "the same set, without an error if a name in it matches nothing"
    ),
)
FUNCTIONS: Final = {function.name: function for function in _FUNCTIONS}

_REF_FLAGS: Final = (
    ("pinned", "protected from removal by a pin"),
    ("complete", "no blob that it contains is missing, corrupt or absent"),
    ("partial", "some platforms are absent, and no blob is missing or corrupt"),
    ("broken", "a blob that it contains is missing or corrupt"),
    ("multiarch", "points at an index, or is one of several manifests of an image without one"),
    ("signed", "a document inside has a signature: a referrer, cosign's tag, or its kind"),
    ("untagged", "has no tag"),
    (
        "indexed",
        "an SBOM that was read names packages inside, for `pkg`; of files: `is:listed`",
    ),
    ("listed", "the files of an image inside are in the index of files"),
)
_BLOB_FLAGS: Final = (
    ("present", "is in the layout, with its declared size"),
    ("missing", "is not in the layout: missing, or absent with a platform that was not pulled"),
    ("corrupt", "is in the layout with a wrong size or hash, or unreadable"),
    ("complete", "no blob that it contains is missing, corrupt or absent"),
    ("partial", "some platforms are absent, and no blob is missing or corrupt"),
    ("broken", "a blob that it contains is missing or corrupt"),
    ("root", "is the target of a reference"),
    ("reachable", "is contained in a reference"),
    ("garbage", "unreferenced: no reference contains it"),
    ("dangling", "its subject is not in the layout"),
    ("shared", "references to different digests contain it"),
    ("listed", "its files are in the index of files: an image or a layer"),
    ("indexed", "as `is:listed`: of a layer, only files are indexed"),
)
_LINK_FLAGS: Final = (
    ("mismatched", "declares another platform than the config"),
    ("dangling", "its target is not in the layout"),
)
_FILE_FLAGS: Final = (
    ("visible", "containers of an indexed image see it"),
    ("overwritten", "in an indexed image, a later entry replaces it"),
    ("deleted", "in an indexed image, its path does not exist"),
    ("setuid", "runs as its owner"),
    ("setgid", "runs with its group"),
    ("executable", "its owner, its group or others may run it"),
    ("writable", "others may write it, and it is not a link"),
)
FLAGS: Final[dict[Sort, dict[str, FlagWord]]] = {
    sort: {name: FlagWord(name=name, sort=sort, doc=doc) for name, doc in words}
    for sort, words in (
        (Sort.REF, _REF_FLAGS),
        (Sort.BLOB, _BLOB_FLAGS),
        (Sort.LINK, _LINK_FLAGS),
        (Sort.PACKAGE, ()),
        (Sort.FILE, _FILE_FLAGS),
    )
}

AGGREGATES: Final = {
    "count": "number of rows",
    "total": "bytes on disk of their content, each blob counted once",
    "exclusive": "bytes on disk that no row outside the group shares",
    "sum": "sum.FIELD",
    "min": "min.FIELD",
    "max": "max.FIELD",
    "avg": "avg.FIELD",
}
SHOWN: Final[dict[Sort, tuple[str, ...]]] = {
    Sort.REF: ("name", "digest"),
    Sort.BLOB: ("digest", "kind", "size"),
    Sort.LINK: ("parent", "role", "position", "child", "platform"),
    Sort.PACKAGE: ("name", "version", "license", "purl"),
    Sort.FILE: ("path", "type", "size", "layer"),
}
