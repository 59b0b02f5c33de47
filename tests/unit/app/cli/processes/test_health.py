"""`despoolr health`: what says nothing about a server does not make it unhealthy."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from despoolr_app.cli.base import share_session
from despoolr_app.cli.processes import health
from despoolr_app.site_client.client import ServerAddress
from despoolr_app.site_client.errors import SiteRefused
from despoolr_core.share.wire import OpenReply, Problem, SessionReply

SERVER = ServerAddress("LOGON1", "http://logon1", "token")


class Staged:
    """A server on which so many names are somebody's."""

    def __init__(self, taken: int) -> None:
        self.taken = taken
        self.opens: list[dict[str, Any]] = []

    def __call__(
        self,
        server: ServerAddress,
        method: str,
        target: str,
        body: bytes | None = None,
        *,
        timeout_s: float,
    ) -> bytes:
        if target == "/api/v1/opens":
            self.opens.append(json.loads(body or b""))
            if len(self.opens) <= self.taken:
                raise SiteRefused(server.name, Problem("about:blank", "It is there", 409))
            return msgspec.json.encode(OpenReply("O1", "CREATED", 0, "", 0.0))
        if method == "POST":
            return msgspec.json.encode(SessionReply("S1", "PC1", "U", "despoolr health", 60.0, 0.0))
        return health.CONTENT


def asked(taken: int, monkeypatch: pytest.MonkeyPatch) -> Staged:
    staged = Staged(taken)
    monkeypatch.setattr(share_session, "call", staged)
    health._round_trip(SERVER, "SMS_SHR", {}, 1.0)
    return staged


def test_a_name_that_is_somebodys_is_not_the_servers_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    staged = asked(health.NAMES_MAX - 1, monkeypatch)
    assert len({wanted["path"] for wanted in staged.opens}) == health.NAMES_MAX
    assert {wanted["share_mode"] for wanted in staged.opens} == {"NONE"}, "nobody holds it on"


def test_no_more_names_are_tried_than_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SiteRefused, match="It is there"):
        asked(health.NAMES_MAX, monkeypatch)
