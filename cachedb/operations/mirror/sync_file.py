"""Files that list images to mirror: the YAML of `skopeo sync`, or one reference a line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from cachedb.errors import InvalidInput, InvalidReference, StorageFailed
from cachedb.oci import Digest, Reference
from cachedb.operations.mirror.version_ranges import in_range
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_MOST_BYTES = 10_000_000
_KEYS = frozenset(
    {"images", "images-by-tag-regex", "images-by-semver", "credentials", "tls-verify", "cert-dir"}
)


class RepositoryRule(Record):
    """Images of one repository: references, or the tags for which `selects` is true."""

    repository: Reference
    references: tuple[Reference, ...] = ()
    selects: Callable[[str], bool] | None = None


class SyncSource(Record):
    """A registry with its rules and connection settings; `login` is user name and password."""

    domain: str
    """Host of the registry, with its port."""
    rules: tuple[RepositoryRule, ...]
    login: tuple[str, str] | None = None
    is_verified: bool = True
    """Whether the certificate of the registry is verified."""
    certificate_directory: str | None = None
    """Folder of certificates for the registry; None for the default."""

    def __repr__(self) -> str:
        return f"SyncSource(domain={self.domain!r}, rules={self.rules!r})"


def read(path: str) -> tuple[SyncSource, ...]:
    """Read a file of images to mirror.

    A file with a mapping is YAML of `skopeo sync --src yaml`; any other one has a reference in
    each line, whose tag may be a pattern such as `3.*`, and comments from `#` on.

    Raises:
        InvalidInput: The file is neither, or a rule in it is malformed.
        StorageFailed: The file system refused.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_MOST_BYTES)
    except OSError as error:
        raise StorageFailed.of(error, f"read {path!r}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: {error}") from error
    try:
        document = _mapping(text)
        return _of_lines(text) if document is None else _of_skopeo(document)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}", hint=error.hint) from error


def _mapping(text: str) -> Mapping[str, Any] | None:
    """Parse YAML; return None for a list of lines, which YAML may parse as one text."""
    import yaml  # noqa: PLC0415  (only `sync` needs it)

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        if all(":" not in line.partition("#")[0].rstrip()[-1:] for line in text.splitlines()):
            return None
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" (line {mark.line + 1})"
        raise InvalidInput(f"{getattr(error, 'problem', error)}{where}") from error
    if isinstance(document, dict) and all(isinstance(each, dict) for each in document.values()):
        return document
    return None


# -- lines ---------------------------------------------------------------------------------


def _of_lines(text: str) -> tuple[SyncSource, ...]:
    rules: dict[str, list[RepositoryRule]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            rule = _of_line(words[0]) if len(words) == 1 else None
        except InvalidReference as error:
            raise InvalidInput(f"line {number}: {error}") from error
        if rule is None:
            raise InvalidInput(f"line {number}: expected one reference, found {line.strip()!r}")
        rules.setdefault(rule.repository.domain, []).append(rule)
    return tuple(SyncSource(domain=key, rules=tuple(found)) for key, found in rules.items())


def _of_line(text: str) -> RepositoryRule:
    name, colon, tag = text.rpartition(":")
    if colon and "/" not in tag and not {"*", "?"}.isdisjoint(tag):
        return RepositoryRule(repository=Reference.parse(name), selects=_glob(tag))
    reference = Reference.parse(text).with_default_tag()
    return RepositoryRule(repository=reference, references=(reference,))


def _glob(pattern: str) -> Callable[[str], bool]:
    from fnmatch import fnmatchcase  # noqa: PLC0415

    return lambda tag: fnmatchcase(tag, pattern)


# -- skopeo --------------------------------------------------------------------------------


def _of_skopeo(document: Mapping[str, Any]) -> tuple[SyncSource, ...]:
    return tuple(_source(str(domain), value) for domain, value in document.items())


def _source(domain: str, value: Mapping[str, Any]) -> SyncSource:
    for key in value:
        if key not in _KEYS:
            raise InvalidInput(f"{domain}: unknown key {key!r}", hint=", ".join(sorted(_KEYS)))
    directory = value.get("cert-dir")
    return SyncSource(
        domain=domain,
        rules=tuple(_rules(domain, value)),
        login=_login(domain, value.get("credentials")),
        is_verified=bool(value.get("tls-verify", True)),
        certificate_directory=None if directory is None else os.path.expanduser(str(directory)),
    )


def _login(domain: str, value: object) -> tuple[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not {"username", "password"} <= value.keys():
        raise InvalidInput(f"{domain}: credentials need username and password")
    return str(value["username"]), str(value["password"])


def _rules(domain: str, value: Mapping[str, Any]) -> Iterator[RepositoryRule]:
    for name, tags in _entries(domain, value, "images"):
        repository = Reference.parse(f"{domain}/{name}")
        if tags is not None and not isinstance(tags, list):
            raise InvalidInput(f"{domain}: {name}: expected a list of tags")
        if not tags:
            yield RepositoryRule(repository=repository, selects=lambda _: True)
            continue
        yield RepositoryRule(
            repository=repository, references=tuple(_tagged(repository, tag) for tag in tags)
        )
    for name, pattern in _entries(domain, value, "images-by-tag-regex"):
        yield RepositoryRule(
            repository=Reference.parse(f"{domain}/{name}"), selects=_regex(str(pattern))
        )
    for name, versions in _entries(domain, value, "images-by-semver"):
        yield RepositoryRule(
            repository=Reference.parse(f"{domain}/{name}"), selects=in_range(str(versions))
        )


def _entries(domain: str, value: Mapping[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    found = value.get(key) or {}
    if not isinstance(found, dict):
        raise InvalidInput(f"{domain}: {key} has to be a mapping of repositories")
    yield from ((str(name), each) for name, each in found.items())


def _tagged(repository: Reference, tag: object) -> Reference:
    text = str(tag)
    if text.startswith("sha256:"):
        return Reference.parse(f"{repository}@{Digest(text)}")
    return Reference.parse(f"{repository}:{text}")


def _regex(pattern: str) -> Callable[[str], bool]:
    from cachedb.query.semantics.linear_regex import PatternError, searcher  # noqa: PLC0415

    try:
        found = searcher(pattern)
    except PatternError as error:
        raise InvalidInput(f"invalid pattern {pattern!r}: {error.args[0]}") from error
    return found.search
