"""One server, asked as its clients would ask it: a call is an answer with the name of a status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from despoolr_lab.oracle.cases import SUCCESS
from despoolr_lab.oracle.connection import Pool
from despoolr_lab.oracle.server import OracleServer

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class OracleReply:
    """One answer: its status by its NT name, and the JSON or bytes that came with it."""

    status: str
    body: Any = None


class Asker:
    """One server, asked over kept connections as any number of machines."""

    def __init__(self, server: OracleServer, pool: Pool) -> None:
        self._server = server
        self._pool = pool
        self._headers: dict[str, str] = {}

    async def ask(
        self, who: str, method: str, target: str, body: Any = None, *, session: str = ""
    ) -> OracleReply:
        """One call as a machine, in a session if one is named. Raises `OSError` if nobody
        answers.
        """
        headers = self._headers.get(who)
        if headers is None:
            headers = self._headers[who] = f"Authorization: Bearer {self._server.token(who)}\r\n"
        if session:
            headers += f"Despoolr-Session: {session}\r\n"
        data = body if isinstance(body, bytes) else b"" if body is None else _encode(body)
        status, head, content = await self._pool.call(method, target, headers, data)
        if b"Content-Type: application/json" in head:
            return OracleReply(SUCCESS, _decode(content))
        if status < 400:
            return OracleReply(SUCCESS, content)
        answer = _decode(content) if b"Content-Type: application/problem+json" in head else {}
        return OracleReply(str(answer.get("nt_status") or f"HTTP {status}"), answer)
