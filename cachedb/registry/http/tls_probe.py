"""Detection of TLS on a port of this machine."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachedb.registry.http.origin import Origin


def is_spoken_at(origin: Origin, timeout: float) -> bool:
    """Probe a port with a TLS handshake, for up to `timeout` seconds.

    Certificates are not checked here, but by the connection that follows.
    """
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
