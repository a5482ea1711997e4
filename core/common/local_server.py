"""Who may ask a server on this machine: the host that a browser names, and the port."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Collection

from ...registry import PluxelError


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any free one.

    Raises: PluxelError if the port is taken, or if the host is not one of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
    except OSError as error:
        raise PluxelError(f"--host {host}: {error.strerror or error}") from error
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(128)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            text = f"port {port} of {host} is taken by another program; --port 0 chooses a free one"
            raise PluxelError(text) from error
        raise PluxelError(f"cannot use port {port} of {host}: {error.strerror}") from error
    return found


def is_allowed(header: str, names: Collection[str]) -> bool:
    """Return whether a header ``Host`` names this server: by a number, or by one of the names.

    A page of a stranger can make its own name point to this machine (DNS rebinding), but it cannot
    make a browser send a number, or a name that it does not own.
    """
    host = _without_port(header).lower()
    if host in {"localhost", *(name.lower() for name in names)}:
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def is_same_origin(origin: str | None, header: str) -> bool:
    """Return whether a request comes from a page of this server, or from no page.

    ``origin``, ``header``: the headers ``Origin`` and ``Host``.
    """
    return origin is None or origin.partition("://")[2] == header


def _without_port(header: str) -> str:
    if header.startswith("["):
        return header.partition("]")[0] + "]"
    return header.partition(":")[0]
