"""Reference evaluator, sets: the query language in plain Python over generated caches.

It reads the syntax tree and shares nothing else with the package: neither the checker nor the
checked tree nor the parsers of literals. It is slow and obvious. A set is a frozenset of ids.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache as memoized
from typing import Any

from cachedb.query.syntax import tree
from tests.query.model import Blob, Cache, File, Ref
from tests.query.readings import (
    ALIASES,
    fits,
    in_number,
    in_path,
    in_text,
    in_time,
    in_version,
    platform_fits,
    platform_parts,
    size_of,
)

Ids = frozenset[int]
CONTENT_KINDS = ("blob", "index", "manifest", "config", "layer", "attestation")
SORT_OF = {"refs": "ref", "links": "link", "packages": "package", "files": "file"}
SIGNED = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURES = ("cosign.artifact.sig", "sigstore.bundle", "cncf.notary.signature")


def split_images(cache: Cache) -> dict[int, Ids]:
    """Return the refs of the image of each ref that is one manifest a platform, without an index.

    They have one name, are about no other image, and each different target is an image manifest
    for a platform of its own.
    """
    named: dict[str, list[Ref]] = {}
    for ref in cache.refs.values():
        kind = ref.annotations.get("kind", "").rpartition("/")[2]
        is_image = kind in {"", "image", "imageIndex"}
        if ref.name is not None and is_image and cache.blobs[ref.target].kind != "attestation":
            named.setdefault(ref.name, []).append(ref)
    found: dict[int, Ids] = {}
    for refs in named.values():
        blobs = {ref.target: cache.blobs[ref.target] for ref in refs}
        platforms = {blob.platform for blob in blobs.values()} - {None, ("unknown", "unknown", "")}
        of_manifests = all(blob.kind == "manifest" for blob in blobs.values())
        if len(blobs) > 1 and of_manifests and len(platforms) == len(blobs):
            found |= {ref.id: Ids(one.id for one in refs) for ref in refs}
    return found


class WrongSort(Exception):
    """A word does not go with the sort; the next one may."""


class Sets:
    """Says which rows are in the set of an expression."""

    def __init__(self, cache: Cache, now: datetime) -> None:
        self.cache = cache
        self.now = now
        self.packages = dict(enumerate(cache.packages(), 1))
        self.package_ids = {package: number for number, package in self.packages.items()}
        self.links = {link.id: link for link in cache.links}
        self.children: dict[int, set[int]] = {key: set() for key in cache.blobs}
        self.parents: dict[int, set[int]] = {key: set() for key in cache.blobs}
        for parent, child in cache.edges():
            self.children[parent].add(child)
            self.parents[child].add(parent)
        self.split = split_images(cache)
        self.inside = memoized(lambda key: self._walk(key, self.children))
        self.around = memoized(lambda key: self._walk(key, self.parents))

    # -- the whole --------------------------------------------------------------------------

    def select(self, query: tree.Query) -> Ids:
        sort = SORT_OF.get(query.noun, "blob")
        found = self.universe(sort)
        if query.noun not in {"refs", "blobs", "links", "packages", "files"}:
            kind = "index" if query.noun == "indexes" else query.noun[:-1]
            found = Ids(key for key in found if self.cache.blobs[key].kind == kind)
        return found if query.expression is None else found & self.members(query.expression, sort)

    def universe(self, sort: str) -> Ids:
        tables = {
            "ref": self.cache.refs,
            "blob": self.cache.blobs,
            "link": self.links,
            "package": self.packages,
            "file": self.cache.files,
        }
        return Ids(tables[sort])

    def members(self, node: Any, sort: str) -> Ids:
        match node:
            case tree.Not():
                return self.universe(sort) - self.members(node.operand, sort)
            case tree.And():
                return Ids.intersection(*(self.members(one, sort) for one in node.operands))
            case tree.Or():
                return Ids.union(*(self.members(one, sort) for one in node.operands))
            case tree.Constant():
                return self.universe(sort) if node.word == "everything" else Ids()
            case tree.Match() | tree.Compare() | tree.Keyed():
                return self.along(node.path.relations, sort, lambda to: self.own(to, node))
            case tree.Flag():
                words = [value.text for value in node.words]
                return self.along(
                    node.relations,
                    sort,
                    lambda to: Ids.union(*(self.flag(to, word) for word in words)),
                )
            case _:
                return self.term(node, sort)

    def own(self, sort: str, node: Any) -> Ids:
        if isinstance(node, tree.Keyed):
            return self.keyed(sort, node)
        op = node.op if isinstance(node, tree.Compare) else "eq"
        return self.field(sort, node.path.field, op, node.values)

    def term(self, node: Any, sort: str) -> Ids:
        match node:
            case tree.Quantified():
                return self.quantified(node, sort)
            case tree.Call():
                return self.call(node, sort)
            case tree.Saved():
                return self.convert(
                    self.select(node.query), SORT_OF.get(node.query.noun, "blob"), sort
                )
            case tree.Selector():
                return self.selector(node.text, sort)
            case tree.Top():
                return self.top(node, sort)
        raise AssertionError(node)

    def top(self, node: tree.Top, sort: str) -> Ids:
        raise NotImplementedError

    # -- relations --------------------------------------------------------------------------

    def along(self, relations: tuple[str, ...], sort: str, last: Callable[[str], Ids]) -> Ids:
        if not relations:
            return last(sort)
        to = self.target_sort(sort, relations[0])
        wanted = self.along(relations[1:], to, last)
        return Ids(
            key for key in self.universe(sort) if self.related(sort, relations[0], key) & wanted
        )

    def target_sort(self, sort: str, relation: str) -> str:
        known = {
            "ref": {"target": "blob", "referrer": "blob", "package": "package", "file": "file"},
            "blob": {
                "child": "blob",
                "parent": "blob",
                "subject": "blob",
                "referrer": "blob",
                "ref": "ref",
                "link": "link",
                "package": "package",
                "file": "file",
            },
            "file": {"layer": "blob", "manifest": "blob"},
            "link": {"parent": "blob", "child": "blob"},
            "package": {"blob": "blob"},
        }[sort]
        if sort in {"ref", "blob"}:
            known |= dict.fromkeys(CONTENT_KINDS, "blob")
        if relation not in known:
            raise WrongSort(relation)
        return known[relation]

    def related(self, sort: str, relation: str, key: int) -> Ids:
        cache = self.cache
        if sort == "link":
            link = self.links[key]
            return Ids({link.parent if relation == "parent" else link.child})
        if sort == "package":
            package = self.packages[key]
            return Ids(one.id for one in cache.blobs.values() if package in one.packages)
        if "file" in {sort, relation}:
            return self.beside_file(sort, relation, key)
        if relation in CONTENT_KINDS:
            inside = self.content(sort, key)
            if relation == "blob":
                return inside
            return Ids(one for one in inside if cache.blobs[one].kind == relation)
        if relation == "package":
            return Ids(
                self.package_ids[package]
                for one in self.content(sort, key)
                for package in cache.blobs[one].packages
            )
        if sort == "ref":
            if relation == "target":
                return Ids({cache.refs[key].target})
            inside = self.content(sort, key)
            return Ids(
                link.parent
                for link in self.links.values()
                if link.role == "subject" and link.child in inside
            )
        return self.beside(relation, key)

    def beside_file(self, sort: str, relation: str, key: int) -> Ids:
        if sort != "file":
            return self.files_of(sort, key)
        if relation == "layer":
            layer = self.cache.files[key].layer
            return Ids() if layer is None else Ids({layer})
        return Ids(one for one in self.cache.hidden if key in self.shown_by(one))

    def files_of(self, sort: str, key: int) -> Ids:
        """Return the files that a ref shows, or that a blob shows or holds itself."""
        if sort == "ref":
            return self.all(self.shown_by, self.content(sort, key))
        held = (one for one in self.held_by(key) if not self.cache.files[one].is_whiteout)
        return self.shown_by(key) | Ids(held)

    def shown_by(self, key: int) -> Ids:
        """Return the files that an indexed image shows."""
        if key not in self.cache.hidden:
            return Ids()
        links = self.cache.blobs[key].links
        layers = {link.child for link in links if link.role == "layer"}
        return Ids(
            one.id
            for one in self.cache.files.values()
            if not one.is_whiteout
            and (
                key in one.images
                if one.images is not None
                else one.layer in layers and one.id not in self.cache.hidden[key]
            )
        )

    def held_by(self, key: int) -> Ids:
        return Ids(one.id for one in self.cache.files.values() if one.layer == key)

    def beside(self, relation: str, key: int) -> Ids:
        links = self.links.values()
        match relation:
            case "child":
                return Ids(self.children[key])
            case "parent":
                return Ids(self.parents[key])
            case "ref":
                return Ids(one.id for one in self.cache.refs.values() if one.target == key)
            case "link":
                return Ids(link.id for link in links if link.child == key)
            case "subject":
                return Ids(k.child for k in links if k.role == "subject" and k.parent == key)
            case "referrer":
                return Ids(k.parent for k in links if k.role == "subject" and k.child == key)
        raise AssertionError(relation)

    def content(self, sort: str, key: int) -> Ids:
        if sort != "ref":
            return self.inside(key)
        return self.all(self.inside, self.targets_of(key))

    def own_content(self, sort: str, key: int) -> Ids:
        """Return what a row itself contains, without the other entries of its image."""
        return self.inside(self.cache.refs[key].target if sort == "ref" else key)

    def targets_of(self, key: int) -> Ids:
        """Return what the entries of the image of a ref point at."""
        return Ids(self.cache.refs[one].target for one in self.split.get(key, Ids({key})))

    def _walk(self, key: int, steps: dict[int, set[int]]) -> Ids:
        found, waiting = set(), [key]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += steps[one]
        return Ids(found)

    def quantified(self, node: tree.Quantified, sort: str) -> Ids:
        relation = node.relation.text
        to = self.target_sort(sort, relation)
        wanted = self.universe(to) if node.operand is None else self.members(node.operand, to)
        found = set()
        for key in self.universe(sort):
            near = self.related(sort, relation, key)
            match node.quantifier:
                case "any":
                    holds = bool(near & wanted)
                case "no":
                    holds = not near & wanted
                case "all":
                    holds = near <= wanted
                case _:
                    assert node.op
                    number = len(near & wanted)
                    holds = any(
                        in_number(number, node.op, value.text, int) for value in node.values
                    )
                    if node.op == "ne":
                        holds = all(number != int(value.text) for value in node.values)
            if holds:
                found.add(key)
        return Ids(found)

    # -- functions --------------------------------------------------------------------------

    def call(self, node: tree.Call, sort: str) -> Ids:
        if node.function == "present":
            found, taken = self.argument(node, (sort,))
            return self.convert(found, taken, sort)
        only_refs = node.function in {"targets", "exclusive"}
        order = ("ref",) if only_refs else ("blob", "ref", "link", "package", "file")
        argument, taken = self.argument(node, order)
        if only_refs and taken != "ref":
            raise WrongSort(node.function)
        if node.function == f"{taken}s" and taken in {"package", "file"}:
            return self.convert(argument, taken, sort)
        if not only_refs:
            argument = self.convert(argument, taken, "blob")
        found, gives = self.apply(node.function, argument)
        return self.convert(found, gives, sort)

    def argument(self, node: tree.Call, order: Iterable[str]) -> tuple[Ids, str]:
        if node.noun is not None:
            query = tree.Query(noun=node.noun, expression=node.operand, span=node.span)
            return self.select(query), SORT_OF.get(node.noun, "blob")
        error: WrongSort | None = None
        for sort in order:
            try:
                return self.members(node.operand, sort), sort
            except WrongSort as wrong:
                error = wrong
        assert error
        raise error

    def apply(self, function: str, found: Ids) -> tuple[Ids, str]:
        refs = self.cache.refs.values()
        match function:
            case "refs":
                return Ids(one.id for one in refs if self.content("ref", one.id) & found), "ref"
            case "blobs" | "descendants":
                return self.all(self.inside, found), "blob"
            case "ancestors":
                return self.all(self.around, found), "blob"
            case "children" | "parents":
                steps = self.children if function == "children" else self.parents
                return self.all(lambda key: Ids(steps[key]), found), "blob"
            case "referrers" | "subjects":
                return self.all(lambda key: self.beside(function[:-1], key), found), "blob"
            case "targets":
                return Ids(self.cache.refs[key].target for key in found), "blob"
            case "exclusive":
                ours = self.all(self.inside, {self.cache.refs[key].target for key in found})
                rest = {one.target for one in refs if one.id not in found}
                return ours - self.all(self.inside, rest), "blob"
            case "files":
                shown = self.all(self.shown_by, self.all(self.inside, found))
                return shown | self.all(self.held_by, found), "file"
            case "packages":
                inside = self.all(self.inside, found)
                held = (p for key in inside for p in self.cache.blobs[key].packages)
                return Ids(self.package_ids[package] for package in held), "package"
        raise AssertionError(function)

    def all(self, step: Callable[[int], Ids], keys: Iterable[int]) -> Ids:
        return Ids(one for key in keys for one in step(key))

    def convert(self, found: Ids, given: str, wanted: str) -> Ids:
        if given == wanted:
            return found
        if wanted != "blob":
            raise WrongSort(wanted)
        if given == "ref":
            return Ids(self.cache.refs[key].target for key in found)
        if given == "file":
            layers = (self.cache.files[key].layer for key in found)
            return Ids(layer for layer in layers if layer is not None)
        if given == "link":
            return Ids(self.links[key].child for key in found)
        packages = {self.packages[key] for key in found}
        return Ids(one.id for one in self.cache.blobs.values() if one.packages & packages)

    # -- names and digests ------------------------------------------------------------------

    def selector(self, text: str, sort: str) -> Ids:
        if sort == "file":
            return self.file_selector(text)
        if sort not in {"ref", "blob"}:
            raise WrongSort(text)
        is_digest = re.fullmatch(r"[0-9a-fA-F]{6,}|sha(256|384|512):[0-9a-fA-F]*", text)
        found: set[int] = set()
        if is_digest:
            for key in self.universe(sort):
                blob = self.blob_of(sort, key)
                if blob.digest.startswith(text) or blob.digest.partition(":")[2].startswith(text):
                    found.add(key)
        if not is_digest or (sort == "ref" and ":" not in text):
            named = Ids(key for key in self.cache.refs if self.name_fits(key, text))
            found |= self.convert(named, "ref", sort)
        return Ids(found)

    def file_selector(self, text: str) -> Ids:
        files = self.cache.files.values()
        if re.fullmatch(r"sha(256|384|512):[0-9a-fA-F]*", text):
            return Ids(one.id for one in files if one.digest and one.digest.startswith(text))
        return Ids(one.id for one in files if in_path(one.path, "eq", text))

    def blob_of(self, sort: str, key: int) -> Blob:
        return self.cache.blobs[self.cache.refs[key].target if sort == "ref" else key]

    def name_fits(self, key: int, pattern: str) -> bool:
        ref = self.cache.refs[key]
        if ref.repo is None:
            return ref.name is not None and fits(ref.name, pattern, within="/")
        name, at, digest = pattern.partition("@")
        whole = self.cache.blobs[ref.target].digest
        if at and not (whole.startswith(digest) or whole.partition(":")[2].startswith(digest)):
            return False
        head, slash, rest = name.partition("/")
        is_registry = slash and ("." in head or ":" in head or head == "localhost")
        path = rest if is_registry else name
        last = path.rpartition("/")[2]
        tag = last.partition(":")[2] if ":" in last else None
        path = path[: len(path) - len(tag) - 1] if tag is not None else path
        if tag is not None and not (ref.tag is not None and fits(ref.tag, tag)):
            return False
        if is_registry:
            if head == "docker.io" and "/" not in path and not set("*?[") & set(path):
                path = f"library/{path}"
            return fits(ref.registry or "", head) and fits(ref.repo, path, within="/")
        parts = ref.repo.split("/")
        tails = ("/".join(parts[place:]) for place in range(len(parts)))
        return any(fits(tail, path, within="/") for tail in tails)

    # -- fields -----------------------------------------------------------------------------

    def field(self, sort: str, name: str, op: str, values: tuple[tree.Value, ...]) -> Ids:
        if op == "ne":
            return self.universe(sort) - self.field(sort, name, "eq", values)
        reader = self.reader(sort, name)
        texts = [value.text for value in values]
        if (sort, name) == ("ref", "name") and op == "eq":
            return Ids(
                key
                for key in self.universe(sort)
                if any(self.name_fits(key, text) for text in texts)
            )
        test = self.test(name, op)
        return Ids(
            key
            for key in self.universe(sort)
            if any(test(value, text) for value in reader(key) for text in texts)
        )

    def reader(self, sort: str, name: str) -> Callable[[int], list[Any]]:
        """Return what gives the values of a field; there can be none and several."""
        if sort in {"ref", "blob"}:
            found = self.lifted(sort, name)
            if found is not None:
                return found
        getters: dict[tuple[str, str], Callable[[int], Any]] = {
            ("ref", "size"): lambda key: self.on_disk(self.content("ref", key)),
            ("ref", "exclusive"): self.exclusive,
            ("blob", "total"): lambda key: self.on_disk(self.inside(key)),
        }
        if (sort, name) in getters:
            getter = getters[sort, name]
            return lambda key: [getter(key)]
        if sort == "ref" and name in {"digest", "kind", "type", "artifact"}:
            return lambda key: self.plain("blob", self.cache.refs[key].target, name)
        known = {
            "ref": "name registry repo repository tag source origin added pulled used",
            "blob": "digest kind type artifact size state",
            "link": "role position platform arch os variant type artifact size",
            "package": "name version purl license type",
            "file": "path name type mode uid gid size modified target digest",
        }
        if name not in known[sort].split():
            raise WrongSort(name)
        return lambda key: self.plain(sort, key, name)

    def plain(self, sort: str, key: int, name: str) -> list[Any]:
        tables: dict[str, Any] = {
            "ref": self.cache.refs,
            "blob": self.cache.blobs,
            "link": self.links,
            "package": self.packages,
            "file": self.cache.files,
        }
        one = tables[sort][key]
        if name == "repository":
            return [f"{one.registry}/{one.repo}" if one.repo is not None else None]
        if name in {"platform", "arch", "os", "variant"}:
            return platform_parts(one.platform, name)
        if sort == "ref" and name in {"added", "pulled", "used"} and key in self.split:
            times = [getattr(self.cache.refs[other], name) for other in self.split[key]]
            return [max((each for each in times if each is not None), default=None)]
        attribute = {"type": "media_type", "artifact": "artifact_type"}.get(name, name)
        if sort == "file":
            value = getattr(one, name)
            return [value * 1_000_000 if name == "modified" else value]
        if sort == "package":
            if name == "version":
                return [one]
            attribute = name
        return [getattr(one, attribute)]

    def lifted(self, sort: str, name: str) -> Callable[[int], list[Any]] | None:
        blobs = self.cache.blobs
        kinds = ("manifest", "config") if name in {"platform", "arch", "os", "variant"} else None

        def inside(key: int) -> list[Blob]:
            return [blobs[one] for one in self.content(sort, key)]

        if kinds:
            return lambda key: [
                value
                for one in inside(key)
                if one.kind in kinds
                for value in platform_parts(one.platform, name)
            ]
        if name in {"created", "entrypoint"}:
            return lambda key: [
                getattr(one.config, name)
                for one in inside(key)
                if one.kind == "config" and one.config is not None
            ]
        if name == "file":
            return lambda key: [self.cache.files[one].path for one in self.files_of(sort, key)]
        if name == "license":
            return lambda key: [p.license for one in inside(key) for p in one.packages]
        return None

    def on_disk(self, keys: Ids) -> int:
        blobs = (self.cache.blobs[key] for key in keys)
        return sum(one.size for one in blobs if one.state in {"present", "corrupt"})

    def exclusive(self, key: int) -> int:
        own = self.targets_of(key)
        others = {self.targets_of(one) for one in self.cache.refs} - {own}
        rest = (self.all(self.inside, targets) for targets in others)
        return self.on_disk(self.all(self.inside, own).difference(*rest))

    def test(self, name: str, op: str) -> Callable[[Any, str], bool]:
        if name in {"added", "pulled", "used", "created", "modified"}:
            return lambda value, text: in_time(value, op, text, self.now)
        if name in {"size", "exclusive", "total"}:
            return lambda value, text: in_number(value, op, text, size_of)
        if name in {"path", "file"}:
            return lambda value, text: in_path(value, op, text)
        if name in {"position", "uid", "gid"}:
            return lambda value, text: in_number(value, op, text, int)
        if name == "platform":
            return platform_fits
        if name == "version":
            return lambda value, text: in_version(value, op, text)
        if name == "digest":
            return lambda value, text: (
                value is not None
                and (value.startswith(text) or value.partition(":")[2].startswith(text))
            )
        if name == "arch" and op == "eq":
            return lambda value, text: in_text(value, op, ALIASES.get(text, text))
        return lambda value, text: in_text(value, op, text)

    def keyed(self, sort: str, node: tree.Keyed) -> Ids:
        name, keys = node.path.field, [key.text for key in node.keys]
        op = "eq" if node.op == "ne" else node.op
        pairs = self.pairs(sort, name)
        test = in_version if name == "pkg" else in_text

        def holds(key: int) -> bool:
            return any(
                any(fits(found, wanted) for wanted in keys)
                and (op is None or any(test(value, op, v.text) for v in node.values))
                for found, value in pairs(key)
            )

        found = Ids(key for key in self.universe(sort) if holds(key))
        return self.universe(sort) - found if node.op == "ne" else found

    def pairs(self, sort: str, name: str) -> Callable[[int], Iterable[tuple[str, Any]]]:
        blobs, refs = self.cache.blobs, self.cache.refs
        if sort == "link" and name == "annotation":
            return lambda key: self.links[key].annotations.items()
        if sort not in {"ref", "blob"}:
            raise WrongSort(name)
        if name == "annotation":
            if sort == "blob":
                return lambda key: blobs[key].annotations.items()
            return lambda key: [
                *refs[key].annotations.items(),
                *blobs[refs[key].target].annotations.items(),
            ]
        if name == "pkg":
            return lambda key: [
                (package.name, package)
                for one in self.content(sort, key)
                for package in blobs[one].packages
            ]
        attribute = {"label": "labels", "env": "env"}[name]
        return lambda key: [
            pair
            for one in self.content(sort, key)
            if blobs[one].kind == "config" and blobs[one].config
            for pair in getattr(blobs[one].config, attribute).items()
        ]

    # -- flags ------------------------------------------------------------------------------

    def flag(self, sort: str, word: str) -> Ids:
        method = getattr(self, f"is_{word}", None)
        if method is None:
            raise WrongSort(word)
        return Ids(key for key in self.universe(sort) if method(sort, key))

    def states(self, sort: str, key: int) -> set[str]:
        if sort not in {"ref", "blob"}:
            raise WrongSort(sort)
        return {self.cache.blobs[one].state for one in self.content(sort, key)}

    def is_broken(self, sort: str, key: int) -> bool:
        return bool(self.states(sort, key) & {"missing", "corrupt"})

    def is_complete(self, sort: str, key: int) -> bool:
        return not self.states(sort, key) & {"missing", "corrupt", "absent"}

    def is_partial(self, sort: str, key: int) -> bool:
        return "absent" in self.states(sort, key) and not self.is_broken(sort, key)

    def ref(self, sort: str, key: int) -> Any:
        if sort != "ref":
            raise WrongSort(sort)
        return self.cache.refs[key]

    def is_pinned(self, sort: str, key: int) -> bool:
        return bool(self.ref(sort, key).pinned)

    def is_untagged(self, sort: str, key: int) -> bool:
        return self.ref(sort, key).tag is None

    def is_indexed(self, sort: str, key: int) -> bool:
        """Whether packages are known of a ref, files of a blob."""
        if sort == "blob":
            return self.is_listed(sort, key)
        self.ref(sort, key)
        return any(self.cache.blobs[one].packages for one in self.content(sort, key))

    def is_multiarch(self, sort: str, key: int) -> bool:
        target = self.cache.blobs[self.ref(sort, key).target]
        return target.kind == "index" or key in self.split

    def is_signed(self, sort: str, key: int) -> bool:
        self.ref(sort, key)
        inside = self.content(sort, key)
        by_referrer = any(
            self.is_signature(self.cache.blobs[link.parent])
            for link in self.links.values()
            if link.role == "subject" and link.child in inside
        )
        return by_referrer or any(self.signs(one, inside) for one in self.cache.refs.values())

    def signs(self, attached: Ref, inside: Ids) -> bool:
        """Whether a ref attaches a signature to a blob, by cosign's tag or by its kind."""
        tags = {self.cache.blobs[key].digest.replace(":", "-") + ".sig" for key in inside}
        if attached.tag in tags:
            return True
        return self.kind_of(attached) == "sigs" and any(
            one.name == attached.name
            and one.target in inside
            and self.kind_of(one) in {"", "image", "imageIndex"}
            for one in self.cache.refs.values()
        )

    def kind_of(self, ref: Ref) -> str:
        return ref.annotations.get("kind", "").rpartition("/")[2]

    def is_signature(self, blob: Blob) -> bool:
        """Whether it says so itself, or holds what cosign has signed."""
        by_type = any(word in (blob.artifact_type or "") for word in SIGNATURES)
        return by_type or any(
            link.role == "layer" and link.media_type == SIGNED for link in blob.links
        )

    def is_listed(self, sort: str, key: int) -> bool:
        if sort == "ref":
            return bool(self.content(sort, key) & self.cache.hidden.keys())
        return self.blob(sort, key).id in {*self.cache.hidden, *self.cache.indexed_layers}

    def file(self, sort: str, key: int) -> File:
        if sort != "file":
            raise WrongSort(sort)
        return self.cache.files[key]

    def is_visible(self, sort: str, key: int) -> bool:
        file = self.file(sort, key)
        return any(file.id in self.shown_by(image) for image in self.cache.hidden)

    def is_overwritten(self, sort: str, key: int) -> bool:
        file = self.file(sort, key)
        return "overwritten" in {states.get(file.id) for states in self.cache.hidden.values()}

    def is_deleted(self, sort: str, key: int) -> bool:
        file = self.file(sort, key)
        return "deleted" in {states.get(file.id) for states in self.cache.hidden.values()}

    def is_setuid(self, sort: str, key: int) -> bool:
        return bool(self.file(sort, key).bits & 0o4000)

    def is_setgid(self, sort: str, key: int) -> bool:
        return bool(self.file(sort, key).bits & 0o2000)

    def is_executable(self, sort: str, key: int) -> bool:
        return bool(self.file(sort, key).bits & 0o111)

    def is_writable(self, sort: str, key: int) -> bool:
        file = self.file(sort, key)
        return bool(file.bits & 0o002) and file.type not in {"symlink", "hardlink"}

    def blob(self, sort: str, key: int) -> Blob:
        if sort != "blob":
            raise WrongSort(sort)
        return self.cache.blobs[key]

    def is_present(self, sort: str, key: int) -> bool:
        return self.blob(sort, key).state == "present"

    def is_missing(self, sort: str, key: int) -> bool:
        return self.blob(sort, key).state in {"missing", "absent"}

    def is_corrupt(self, sort: str, key: int) -> bool:
        return self.blob(sort, key).state == "corrupt"

    def is_root(self, sort: str, key: int) -> bool:
        return self.blob(sort, key).id in {one.target for one in self.cache.refs.values()}

    def is_reachable(self, sort: str, key: int) -> bool:
        around = self.around(self.blob(sort, key).id)
        return bool(around & {one.target for one in self.cache.refs.values()})

    def is_garbage(self, sort: str, key: int) -> bool:
        return not self.is_reachable(sort, key)

    def is_shared(self, sort: str, key: int) -> bool:
        around = self.around(self.blob(sort, key).id)
        return len(around & {one.target for one in self.cache.refs.values()}) > 1

    def is_dangling(self, sort: str, key: int) -> bool:
        if sort == "link":
            return self.cache.blobs[self.links[key].child].state in {"missing", "absent"}
        subjects = self.beside("subject", self.blob(sort, key).id)
        return any(self.cache.blobs[one].state in {"missing", "absent"} for one in subjects)

    def is_mismatched(self, sort: str, key: int) -> bool:
        if sort != "link":
            raise WrongSort(sort)
        declared = self.links[key].platform
        child = self.cache.blobs[self.links[key].child]
        configured = child.platform
        if not declared or not configured or child.kind != "manifest":
            return False
        variants = {declared[2], configured[2]}
        return declared[:2] != configured[:2] or (len(variants) > 1 and "" not in variants)
