"""Whether a port of this machine speaks TLS."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachedb.registry.http.origin import Origin


def is_spoken_at(origin: Origin, timeout: float) -> bool:
    """Ask for a TLS handshake, and nothing more; certificates are checked by who comes next."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host = origin.host.strip("[]")
    try:
        with (
            socket.create_connection((host, origin.port), timeout) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return True
    except OSError:
        return False
