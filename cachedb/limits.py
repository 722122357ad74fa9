"""Limits on data from outside, on waiting and on queries, and their environment variables.

Each limit is raised or lowered by its variable ``CACHEDB_LIMIT_NAME``; the error of an exceeded
limit names both. Default values follow containers/image, containerd, regclient and
distribution-spec.
"""

from __future__ import annotations

import os

from cachedb.errors import LimitExceeded
from cachedb.records import Record

KIB = 1024
MIB = 1024 * KIB


class Limit(Record):
    """Largest allowed number of bytes, members, seconds, …, with its name and its variable."""

    name: str
    """Name in messages, as ``manifest bytes``."""
    variable: str
    """Environment variable that replaces the value."""
    value: int
    """Largest number that is allowed."""

    def check(self, number: int, what: str) -> None:
        """Raise LimitExceeded if `number` is above the limit; the message begins with `what`."""
        if number > self.value:
            raise LimitExceeded(what, self.name, self.value, self.variable)


def _limit(name: str, value: int) -> Limit:
    variable = "CACHEDB_LIMIT_" + name.upper().replace(" ", "_").replace("-", "_")
    given = os.environ.get(variable, "")
    return Limit(name=name, variable=variable, value=int(given) if given.isdecimal() else value)


MANIFEST_BYTES = _limit("manifest bytes", 8 * MIB)
CONFIG_BYTES = _limit("config bytes", 4 * MIB)
INDEX_JSON_BYTES = _limit("index.json bytes".replace(".", " "), 64 * MIB)
JOURNAL_BYTES = _limit("journal bytes", 64 * MIB)
MARKER_BYTES = _limit("oci-layout bytes", 4 * KIB)
TOKEN_BYTES = _limit("token bytes", 64 * KIB)
CREDENTIAL_FILE_BYTES = _limit("credential file bytes", 4 * MIB)
ERROR_BODY_BYTES = _limit("error body bytes", 64 * KIB)
TAR_HEADER_BYTES = _limit("tar header bytes", MIB)
TAR_MEMBERS = _limit("tar members", 50_000)
LAYER_MEMBERS = _limit("layer members", 2_000_000)
TOC_BYTES = _limit("toc bytes", 512 * MIB)
SPARSE_FILE_BYTES = _limit("sparse file bytes", 64 * 1024 * MIB)
JSON_DEPTH = _limit("json depth", 64)
JSON_KEYS = _limit("json keys", 100_000)
SBOM_BYTES = _limit("sbom bytes", 512 * MIB)
SBOM_VALUE_CHARACTERS = _limit("sbom value characters", 8 * MIB)
SBOM_TEXT_BYTES = _limit("sbom text bytes", 64 * MIB)
SBOM_PACKAGES = _limit("sbom packages", 500_000)
PACKAGE_TEXT_CHARACTERS = _limit("package text characters", 4 * KIB)
REDIRECTS = _limit("redirects", 5)
PAGES = _limit("pages", 1000)
GRAPH_DEPTH = _limit("graph depth", 512)
GRAPH_NODES = _limit("graph nodes", 20_000)
VERIFY_FINDINGS = _limit("verify findings", 10_000)
LOCK_SECONDS = _limit("lock seconds", 60)
RETRY_AFTER_SECONDS = _limit("retry-after seconds", 60)
CONNECT_SECONDS = _limit("connect seconds", 10)
IDLE_SECONDS = _limit("idle seconds", 30)
ANSWER_SECONDS = _limit("answer seconds", 300)
QUERY_BYTES = _limit("query bytes", 100_000)
QUERY_DEPTH = _limit("query depth", 32)
QUERY_TERMS = _limit("query terms", 500)
QUERY_VALUES = _limit("query values", 20_000)
QUERY_SECONDS = _limit("query seconds", 30)
QUERY_PLANS = _limit("query plans", 256)
