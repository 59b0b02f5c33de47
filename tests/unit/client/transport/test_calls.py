"""Query strings carry what was given, encoded, and nothing else."""

from __future__ import annotations

from urllib.parse import parse_qs

from despoolr_client.transport.calls import query


def test_what_is_empty_is_left_out() -> None:
    assert query(machine="", path="") == ""
    assert query(machine="PC07", path="") == "?machine=PC07"


def test_any_text_survives() -> None:
    path = "A ä/b&c=d+e#f?%41\\x"
    assert parse_qs(query(path=path, machine="PC07")[1:]) == {"path": [path], "machine": ["PC07"]}
