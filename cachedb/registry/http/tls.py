"""TLS contexts: the certificate authorities to trust, and the client certificate to show."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from cachedb.errors import StorageFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.registry.http.settings import ClientCertificate


def context(ca_files: Sequence[str], certificate: ClientCertificate | None) -> ssl.SSLContext:
    """Make a context that trusts the authorities of the system and those of `ca_files`.

    REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE replaces the system's; without any, certifi's are used.

    Raises:
        StorageFailed: A file cannot be read, or holds no certificate.
    """
    given = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    where = given or ("" if _system_has_certificates() else DEFAULT_CA_BUNDLE_PATH)
    path = ""
    try:
        made = _context_trusting(where)
        for path in ca_files:
            made.load_verify_locations(cafile=path)
        if certificate is not None:
            path = certificate.certificate
            made.load_cert_chain(certificate.certificate, certificate.key)
    except ssl.SSLError as error:
        raise StorageFailed(f"cannot read the certificate in {path or where!r}") from error
    except OSError as error:
        raise StorageFailed.of(error, f"read the certificate in {path or where!r}") from error
    return made


def _system_has_certificates() -> bool:
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or (paths.capath and os.listdir(paths.capath)))


def _context_trusting(where: str) -> ssl.SSLContext:
    if not where:
        return ssl.create_default_context()
    if os.path.isdir(where):
        return ssl.create_default_context(capath=where)
    return ssl.create_default_context(cafile=where)
