"""Registries in memory with the behaviour that public registries are known for.

Each is a whole registry: uploads, mounts, manifests, tags and referrers, with checks of what a
manifest needs. The behaviours are those that their projects and users state in public:

- distribution 2.8: no referrers API; refuses a manifest whose blobs or manifests it lacks, but not
  a layer with `urls` (distribution `manifest/ocischema`, `registry/handlers/manifests.go`).
- GitLab: as distribution, and reads the tag ``sha256-HEX`` as the digest ``sha256:HEX``
  (oras-project/oras#2148).
- zot: has the referrers API, answers a manifest with a subject with ``OCI-Subject``, refuses
  Docker's media types with 415 (zot's documentation, "compat": ["docker2s2"]).
- quay: has the referrers API, but answered no ``OCI-Subject`` in 2024
  (opencontainers/distribution-spec#563), and does not mount.
- ECR: asks for Basic credentials on every request (AWS, "Private registry authentication"), takes
  no manifest with absent content ("LayersNotFoundException"), and does not mount.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests import build
from tests.registry.scripted import Asked, Reply

USER = ("AWS", "token")
_BASIC = "Basic " + base64.b64encode(":".join(USER).encode()).decode()
_ROUTE = re.compile(
    r"/v2/(?P<repo>.+?)/(?P<kind>blobs/uploads|blobs|manifests|referrers|tags)/(?P<rest>.*)"
)
_ALIAS = re.compile(r"sha256-([0-9a-f]{64})")


@dataclass(frozen=True)
class Behaviour:
    """How a registry differs from the distribution-spec's minimum."""

    name: str
    has_referrers_api: bool = False
    says_subject: bool = False
    reads_tags_as_digests: bool = False
    takes_docker_types: bool = True
    mounts: bool = True
    needs_login: bool = False


BEHAVIOURS = (
    Behaviour("distribution"),
    Behaviour("gitlab", reads_tags_as_digests=True),
    Behaviour("zot", has_referrers_api=True, says_subject=True, takes_docker_types=False),
    Behaviour("quay", has_referrers_api=True, mounts=False),
    Behaviour("ecr", needs_login=True, mounts=False),
)


@dataclass
class Repository:
    """The content of one repository."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def digests(self) -> set[str]:
        return {*self.blobs, *self.manifests}


class RegistryModel:
    """A registry; its `answer` is what `scripted` serves."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.repositories: dict[str, Repository] = {}
        self._uploads: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def repository(self, name: str) -> Repository:
        return self.repositories.setdefault(name, Repository())

    def answer(self, asked: Asked) -> Reply:
        with self._lock:
            if self.behaviour.needs_login and asked.headers.get("authorization") != _BASIC:
                challenge = (("WWW-Authenticate", 'Basic realm="registry"'),)
                return _error(401, "UNAUTHORIZED", challenge)
            return self._answer(asked)

    def _answer(self, asked: Asked) -> Reply:
        url = urlsplit(asked.path)
        if url.path == "/v2/":
            return Reply()
        found = _ROUTE.fullmatch(url.path)
        if found is None:
            return _error(404, "NAME_UNKNOWN")
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        repository = self.repository(found["repo"])
        match found["kind"]:
            case "blobs/uploads":
                return self._upload(asked, found["repo"], found["rest"], query)
            case "blobs":
                content = repository.blobs.get(found["rest"])
                if content is None:
                    return _error(404, "BLOB_UNKNOWN")
                stated = (("Docker-Content-Digest", found["rest"]),)
                return Reply(body=content, headers=stated)
            case "manifests":
                return self._manifest(asked, repository, found["rest"])
            case "tags":
                return Reply(body=build.to_json({"tags": sorted(repository.tags)}))
            case _:
                return self._referrers(repository, found["rest"])

    # -- uploads ---------------------------------------------------------------------------

    def _upload(self, asked: Asked, name: str, session: str, query: dict[str, str]) -> Reply:
        repository = self.repository(name)
        if asked.method == "POST":
            source, digest = query.get("from", ""), query.get("mount", "")
            held = self.repository(source).blobs.get(digest) if source else None
            if self.behaviour.mounts and held is not None:
                repository.blobs[digest] = held
                return Reply(201, headers=(("Location", f"/v2/{name}/blobs/{digest}"),))
            session = f"{len(self._uploads)}"
            self._uploads[session] = b""
            return Reply(202, headers=(("Location", f"/v2/{name}/blobs/uploads/{session}"),))
        if session not in self._uploads:
            return _error(404, "BLOB_UPLOAD_UNKNOWN")
        self._uploads[session] += asked.body
        if asked.method == "PATCH":
            end = len(self._uploads[session]) - 1
            location = ("Location", f"/v2/{name}/blobs/uploads/{session}")
            return Reply(202, headers=(location, ("Range", f"0-{end}")))
        content = self._uploads.pop(session)
        self._uploads[session] = b""
        if query.get("digest") != _digest(content):
            return _error(400, "DIGEST_INVALID")
        repository.blobs[query["digest"]] = content
        return Reply(201, headers=(("Docker-Content-Digest", query["digest"]),))

    # -- manifests -------------------------------------------------------------------------

    def _manifest(self, asked: Asked, repository: Repository, target: str) -> Reply:
        if asked.method == "PUT":
            return self._put(asked, repository, target)
        alias = _ALIAS.fullmatch(target) if self.behaviour.reads_tags_as_digests else None
        digest = f"sha256:{alias[1]}" if alias else repository.tags.get(target, target)
        if digest not in repository.manifests:
            return _error(404, "MANIFEST_UNKNOWN")
        media_type, content = repository.manifests[digest]
        stated = (("Content-Type", media_type), ("Docker-Content-Digest", digest))
        return Reply(body=content, headers=stated)

    def _put(self, asked: Asked, repository: Repository, target: str) -> Reply:
        media_type, digest = asked.headers["content-type"], _digest(asked.body)
        if not self.behaviour.takes_docker_types and "docker" in media_type:
            return _error(415, "MANIFEST_INVALID")
        value = json.loads(asked.body)
        for described in _required(value):
            known = repository.manifests if _is_document(described) else repository.blobs
            if described["digest"] not in known:
                return _error(400, "MANIFEST_BLOB_UNKNOWN")
        if ":" in target and target != digest:
            return _error(400, "DIGEST_INVALID")
        repository.manifests[digest] = (media_type, asked.body)
        if ":" not in target:
            repository.tags[target] = digest
        stated = [("Docker-Content-Digest", digest)]
        if self.behaviour.says_subject and "subject" in value:
            stated.append(("OCI-Subject", value["subject"]["digest"]))
        return Reply(201, headers=tuple(stated))

    def _referrers(self, repository: Repository, subject: str) -> Reply:
        if not self.behaviour.has_referrers_api:
            return _error(404, "NOT_FOUND")
        listed = [
            {"mediaType": media_type, "digest": digest, "size": len(content)}
            for digest, (media_type, content) in repository.manifests.items()
            if json.loads(content).get("subject", {}).get("digest") == subject
        ]
        body = build.to_json(
            {"schemaVersion": 2, "mediaType": build.OCI_INDEX, "manifests": listed}
        )
        return Reply(body=body, headers=(("Content-Type", build.OCI_INDEX),))


def _required(value: build.Json) -> Iterator[build.Json]:
    """Yield the descriptors that a registry wants to have before a manifest."""
    yield from value.get("manifests", [])
    if "config" in value:
        yield value["config"]
    for layer in value.get("layers", []):
        if layer["mediaType"] != build.FOREIGN_LAYER:
            yield layer


def _is_document(described: build.Json) -> bool:
    return described["mediaType"] in {
        "application/vnd.oci.artifact.manifest.v1+json",
        build.OCI_INDEX,
        build.OCI_MANIFEST,
        build.DOCKER_LIST,
        build.DOCKER_MANIFEST,
    }


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _error(status: int, code: str, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    body = build.to_json({"errors": [{"code": code, "message": code.lower()}]})
    return Reply(status, body, (("Content-Type", "application/json"), *headers))
