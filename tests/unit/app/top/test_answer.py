"""What `top` reads of a server's live page."""

from __future__ import annotations

import msgspec

from despoolr_app.top.answer import TopAnswer
from despoolr_server.http.live.routes import LiveAnswer
from worlds.top import blocked_answer


def test_the_answer_that_is_read_is_the_one_that_a_server_gives() -> None:
    assert TopAnswer.__struct_fields__ == LiveAnswer.__struct_fields__


def test_an_answer_of_a_newer_server_is_read_without_what_is_not_known() -> None:
    raw = msgspec.json.decode(msgspec.json.encode(blocked_answer()))
    raw["page"]["news"] = 1
    assert msgspec.convert(raw, TopAnswer) == blocked_answer()
