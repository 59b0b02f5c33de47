"""Who is calling: a token names a machine, a user and a role, and proves itself without a table.

A token is `base64url([machine, user, role]) "." base64url(HMAC-SHA256)`; whoever has the server's
secret can issue one, and changing the secret revokes all. Verified headers are remembered in a
bounded table, so a poll costs one look-up.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from typing import Final

import msgspec

from despoolr_core.rules.fold import fold
from despoolr_core.rules.memory import Bounded
from despoolr_core.rules.text import why_unfit
from despoolr_core.share.modes import Role
from despoolr_server.shares.base.principal import Principal

SECRET_SIZE_MIN: Final = 16
TOKEN_SIZE_MAX: Final = 1024
REMEMBERED_MAX: Final = 65_536
REMEMBERED_SIZE_MAX: Final = 8 * 1024 * 1024
"""How many verified `Authorization` headers are remembered, and how many characters of them; the
oldest leaves first.
"""

CHALLENGES: Final = ('Basic realm="Despoolr", charset="UTF-8"', 'Bearer realm="Despoolr"')
"""What a 401 carries in `WWW-Authenticate`: a header each, since some WebDAV clients read no
further than the first comma.
"""

_decode: Final = msgspec.json.Decoder(tuple[str, str, str]).decode
_LABEL: Final = b"despoolr token 1\n"


class Auth:
    """Issues and checks the tokens of one secret (at least 16 bytes)."""

    def __init__(self, secret: bytes) -> None:
        """Raises `ValueError` for a shorter secret."""
        if len(secret) < SECRET_SIZE_MIN:
            raise ValueError(
                f"a secret of {len(secret)} bytes is too short: give at least {SECRET_SIZE_MIN}"
            )
        self._key = hmac.digest(secret, _LABEL, "sha256")
        self._remembered: Bounded[Principal] = Bounded(REMEMBERED_MAX, REMEMBERED_SIZE_MAX)

    def issue(self, machine: str, user: str, role: Role | str) -> str:
        """A token for `machine` and `user`. The same three always give the same token. Raises
        `ValueError` for a name that no token can carry.
        """
        payload = _b64(msgspec.json.encode([machine, user, Role(role).value]))
        for name in (machine, user):
            if reason := why_unfit(name):
                raise ValueError(f"{name[:80]!r} cannot be a name in a token: it {reason}")
        token = f"{payload}.{_b64(self._signature(payload))}"
        if len(token) > TOKEN_SIZE_MAX:
            raise ValueError(
                f"the names {machine!r} and {user!r} are too long for a token of "
                f"{TOKEN_SIZE_MAX} bytes"
            )
        return token

    def check(self, header: str | None) -> Principal | None:
        """The principal of an `Authorization` header (Bearer or Basic), or None for one that proves
        nothing.
        """
        if header is None:
            return None
        known = self._remembered.get(header)
        if known is not None:
            return known
        principal = self._read_header(header)
        if principal is not None:
            self._remembered.keep(header, principal)
        return principal

    def _read_header(self, header: str) -> Principal | None:
        if len(header) > 3 * TOKEN_SIZE_MAX:
            return None
        scheme, _, rest = header.partition(" ")
        if scheme.lower() == "bearer":
            return self._verify(rest.strip())
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = (
                base64.b64decode(rest.strip(), validate=True).decode().partition(":")
            )
        except ValueError:  # no base64 (of no ASCII even), or no UTF-8 in it
            return None
        principal = self._verify(password)
        if principal is None:
            return None
        spoken_of = ("", fold(principal.machine), fold(principal.user))
        return principal if fold(name) in spoken_of else None

    def _verify(self, token: str) -> Principal | None:
        if len(token) > TOKEN_SIZE_MAX or not token.isascii():
            return None
        payload, _, signature = token.partition(".")
        if not hmac.compare_digest(signature, _b64(self._signature(payload))):
            return None
        try:
            machine, user, role = _decode(base64.urlsafe_b64decode(_padded(payload)))
            return (
                None
                if why_unfit(machine) or why_unfit(user)
                else Principal(machine, user, Role(role))
            )
        except (ValueError, binascii.Error):
            return None

    def _signature(self, payload: str) -> bytes:
        return hmac.digest(self._key, payload.encode("ascii"), "sha256")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`. A name other than `localhost` counts as
    reachable.
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)
