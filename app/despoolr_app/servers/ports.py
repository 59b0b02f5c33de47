"""Where servers are to listen, and why they cannot: asked before a start has made anything, since a
port in use is the likeliest thing in its way.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final

from despoolr_app.process.http_listener import why_not
from despoolr_app.process.settings import ConfigError, Listen

OPTIONS: Final = "--listen or --listen-logon"


def check_ports(listens: Iterable[Listen]) -> None:
    """Listen everywhere for a moment, as the servers will. Raises `ConfigError`."""
    with ExitStack() as bound:
        for listen in listens:
            try:
                _listen(listen, bound)
            except OSError as error:
                raise ConfigError(why_not(listen, error, OPTIONS)) from None


def _listen(listen: Listen, bound: ExitStack) -> None:
    places = socket.getaddrinfo(
        listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    for family, kind, protocol, _, address in places:
        try:
            one = bound.enter_context(socket.socket(family, kind, protocol))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(address)
            one.listen(1)
        except OSError as error:
            # a name such as localhost may have an address of a kind that this machine has not
            is_absent = error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
            if not is_absent or len(places) == 1:
                raise
