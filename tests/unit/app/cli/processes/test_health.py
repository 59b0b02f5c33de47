"""`despoolr health`: what says nothing about a server does not make it unhealthy."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from despoolr_app.cli.processes import health
from despoolr_app.site_client import blocking_client
from despoolr_app.site_client.client import HttpAnswer, ServerAddress
from despoolr_app.site_client.errors import NotDespoolr, SiteRefused
from despoolr_core.share.wire import OpenReply, Problem, SessionReply

SERVER = ServerAddress("LOGON1", "http://logon1", "token")


class Staged:
    """A server on which so many names are somebody's."""

    def __init__(self, taken: int) -> None:
        self.taken = taken
        self.opens: list[dict[str, Any]] = []

    async def carry(
        self, method: str, url: str, _headers: object, body: bytes | None, **_: object
    ) -> HttpAnswer:
        if url.endswith("/opens"):
            self.opens.append(json.loads(body or b""))
            if len(self.opens) <= self.taken:
                return told(409, Problem("about:blank", "It is there", 409))
            return told(201, OpenReply("O1", "CREATED", 0, "", 0.0))
        if method == "POST":
            return told(201, SessionReply("S1", "PC1", "U", "despoolr health", 60.0, 0.0))
        return HttpAnswer(200, health.CONTENT)


def told(status: int, answer: msgspec.Struct) -> HttpAnswer:
    return HttpAnswer(status, msgspec.json.encode(answer))


def asked(taken: int, monkeypatch: pytest.MonkeyPatch) -> Staged:
    staged = Staged(taken)
    monkeypatch.setattr(blocking_client, "carry", staged.carry)
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


def test_an_answer_of_another_kind_of_server_is_told_as_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def carry(*_: object, **__: object) -> HttpAnswer:
        return HttpAnswer(200, b"<html>It works!</html>")

    monkeypatch.setattr(blocking_client, "carry", carry)
    with pytest.raises(NotDespoolr, match="not as a Despoolr server"):
        health._round_trip(SERVER, "SMS_SHR", {}, 1.0)
