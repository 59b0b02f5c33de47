"""A collector of logs writes several servers into one: what is open on one of them is in nobody's
way on another, and ids that two give out are not one.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from despoolr_lab.imports.fold import merge
from despoolr_lab.imports.fold.merge import Survey
from despoolr_lab.imports.fold.names import Names
from despoolr_lab.imports.traces import servers
from despoolr_lab.imports.traces.seen import Opened, Who
from despoolr_lab.imports.traces.servers import LogServers
from despoolr_lab.imports.traces.source import NAME_SIZE_MAX
from unit.lab.imports.test_variants import AUDIT, SECURITY, story
from worlds.traces import TRACES, Found, imported

OTHER = (("fs1", "fs2"), ("alice", "zoe"), ("127.0.0.11", "127.0.0.99"), ("ws11", "ws99"))


def here() -> list[str]:
    return (TRACES / AUDIT).read_text("utf-8").splitlines(keepends=True)


def elsewhere() -> list[str]:
    """The same on another server, where somebody else holds the file."""
    text = "".join(here())
    for old, new in OTHER:
        text = text.replace(old, new)
    return text.splitlines(keepends=True)


def check(found: Found) -> None:
    """Each server has its story."""
    blockers = {
        (refused.server, tuple(one.machine for one in refused.blockers))
        for _, refused in found.refusals
    }
    assert blockers == {("fs1", ("WS11",)), ("fs2", ("WS99",))}
    assert [(one.server, one.attempt_count) for one in found.episodes] == [("fs1", 4), ("fs2", 4)]
    assert len(found.view.holdings) == 16 and all(one.closed_at for one in found.view.holdings)


def test_what_is_open_on_one_server_is_in_nobodys_way_on_another(tmp_path: Path) -> None:
    log = tmp_path / "central.log"
    log.write_text("".join(sorted(here() + elsewhere(), key=lambda line: line[:15])), "utf-8")
    found = imported([log])
    check(found)
    assert "the log has the lines of 2 servers" in found.notes


def test_logs_of_two_servers_are_two_stories_in_one_run(tmp_path: Path) -> None:
    log = tmp_path / "fs2.log"
    log.write_text("".join(elsewhere()), "utf-8")
    check(imported([TRACES / AUDIT, log]))


def test_a_central_log_in_parts_is_one_story(tmp_path: Path) -> None:
    lines = sorted(here() + elsewhere(), key=lambda line: line[:15])
    whole, *parts = (tmp_path / name for name in ("whole.log", "1.log", "2.log"))
    whole.write_text("".join(lines), "utf-8")
    cut = next(
        n for n, line in enumerate(lines) if n > len(lines) // 2 and line[:15] != lines[n - 1][:15]
    )
    for part, of_it in zip(parts, (lines[:cut], lines[cut:]), strict=True):
        part.write_text("".join(of_it), "utf-8")
    found = imported(parts)
    assert story(found) == story(imported([whole])) and len(found.imported.tracks) == 1


def test_handles_of_two_computers_are_not_one(tmp_path: Path) -> None:
    text = (TRACES / SECURITY).read_text("utf-8-sig")
    events = re.findall("<Event .*?</Event>", text, re.DOTALL)
    both = [
        one
        for event in events
        for one in (event, event.replace("FS9.example", "FS8.example").replace("alice", "zoe"))
    ]
    log = tmp_path / "forwarded.xml"
    log.write_text("<Events>" + "\n".join(both) + "</Events>", "utf-8")
    found, single = imported([log]), imported([TRACES / SECURITY])
    assert len(found.view.holdings) == 2 * len(single.view.holdings)
    assert {one.server for one in found.view.holdings} == {"FS9", "FS8"}
    spans = sorted((one.opened_at, one.closed_at or 0.0) for one in single.view.holdings)
    for server in ("FS9", "FS8"):
        of_it = [one for one in found.view.holdings if one.server == server]
        assert sorted((one.opened_at, one.closed_at or 0.0) for one in of_it) == spans


@pytest.mark.parametrize(
    ("heads", "hosts", "called"),
    [
        (["fs1"], ["fs1", "fs1.example.com", "FS1"], ["", "", ""]),
        (["fs1", "fs1.example.com"], ["fs1", "fs1.example.com"], ["", ""]),
        (["fs1", "fs2"], ["fs1.example.com", "fs2", "fs1"], ["fs1", "fs2", "fs1"]),
        ([], ["fs1", "fs2", "fs1"], ["", "fs2", ""]),
        (["10.0.0.1", "10.0.0.2"], ["10.0.0.1", "10.0.0.2"], ["10.0.0.1", "10.0.0.2"]),
    ],
)
def test_a_server_is_named_where_there_are_several(
    heads: list[str], hosts: list[str], called: list[str]
) -> None:
    those = LogServers(heads)
    assert [those.of(host) for host in hosts] == called
    assert those.count == len(set(called)), "one that is called in two ways is one"


def test_a_file_with_more_servers_than_are_remembered_may_tell_of_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(merge, "SERVERS_MAX", 2)
    survey, names = Survey(), Names()
    for handle, server in enumerate(("fs1", "fs2", "fs3")):
        assert survey.may_be_of("fs9") == (handle != 1)
        survey.take(Opened(1.0, str(handle), Who(server=server), "pkg", "a.txt", 1, 7), names)


def test_servers_of_a_log_are_told_apart_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "SERVERS_MAX", 2)
    those = LogServers(["fs1", "fs2"])
    assert [those.of(host) for host in ("fs1", "fs2", "fs3")] == ["fs1", "fs2", "fs1"]
    assert those.count == 2
    only = LogServers()
    assert [only.of(host) for host in ("fs1", "fs2", "fs3")] == ["", "fs2", ""]


def test_a_server_whose_name_is_too_long_is_remembered_by_its_beginning() -> None:
    those = LogServers()
    those.of("fs1")
    assert those.of("x" * 1_000_000) == those.of("x" * 1_000_001) == "x" * NAME_SIZE_MAX
    assert those.count == 2
