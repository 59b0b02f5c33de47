"""Refusals in both languages, addresses, and what is in a multi-status."""

from __future__ import annotations

import re
from xml.etree.ElementTree import fromstring

import pytest
from aiohttp.test_utils import make_mocked_request

from despoolr_core.share.wire import Blocker, Problem
from despoolr_server.http.dav.answers import (
    _UNFIT,
    error_xml,
    failed_response,
    href,
    lock_error,
    prefers_xml,
    status_line,
    visible,
)
from worlds.dav import D, P

BLOCKER = Blocker("O1", "WS<1>", "AN&NA", "A\x01B", "READ", "READ", 1.5)
PROBLEM = Problem(
    "/problems/x", "T", 423, "d < e", "STATUS_SHARING_VIOLATION", 32, "S", "a/b", [BLOCKER], 7, "E1"
)


@pytest.mark.parametrize(
    ("share", "path", "directory", "expected"),
    [
        ("S", "", False, "/S"),
        ("S", "", True, "/S/"),
        ("S", "a b/ä#%?", False, "/S/a%20b/%C3%A4%23%25%3F"),
        ("S S", "a", True, "/S%20S/a/"),
        ("", "", True, "/"),
    ],
)
def test_addresses_are_encoded_and_a_directorys_ends_in_a_slash(
    share: str, path: str, directory: bool, expected: str
) -> None:
    assert href(share, path, directory=directory) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"Accept": "*/*"}, False),
        ({"Accept": "*/*", "User-Agent": "curl/8.5"}, False),
        ({"Accept": "application/json"}, False),
        ({"Accept": "text/xml, application/json"}, True),
        ({"Accept": "application/json, text/xml"}, False),
        ({"Accept": "application/xml"}, True),
        ({"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, False),
        ({"Content-Type": "application/xml"}, True),
        ({"Content-Type": "text/xml", "Accept": "application/json"}, False),
        ({"User-Agent": "davfs2/1.6.1 neon/0.32.4"}, True),
        ({"User-Agent": "Microsoft-WebDAV-MiniRedir/10.0.19045"}, True),
        ({"User-Agent": "WebDAVFS/3.0.0 (03008000) Darwin/22.1.0 (x86_64)"}, True),
        ({"User-Agent": "gvfs/1.50.3"}, True),
        ({"User-Agent": "rclone/v1.60.1"}, True),
        ({"User-Agent": "Mozilla/5.0"}, False),
    ],
)
def test_who_reads_xml_gets_it(headers: dict[str, str], expected: bool) -> None:
    assert prefers_xml(make_mocked_request("PUT", "/S/a", headers)) is expected


def test_an_error_element_has_webdavs_word_and_the_whole_problem() -> None:
    PROBLEM.dav_error = "lock-token-submitted"
    error = fromstring(error_xml(PROBLEM, "/S/a/b", declared=True))
    assert error.findtext(f"{D}lock-token-submitted/{D}href") == "/S/a/b"
    problem = error.find(P + "problem")
    assert problem is not None
    told = {child.tag.removeprefix(P): child.text for child in problem if not len(child)}
    assert told == {
        "type": "/problems/x",
        "title": "T",
        "status": "423",
        "detail": "d < e",
        "nt_status": "STATUS_SHARING_VIOLATION",
        "win32": "32",
        "share": "S",
        "path": "a/b",
        "blocker_count": "7",
        "episode": "E1",
    }
    blocker = {
        child.tag.removeprefix(P): child.text for child in problem.iterfind(f"{P}blockers/{P}i/")
    }
    assert (blocker["machine"], blocker["user"], blocker["program"], blocker["opened_at"]) == (
        "WS<1>",
        "AN&NA",
        "A?B",
        "1.5",
    )


def test_a_response_of_a_multi_status_says_what_and_why() -> None:
    response = fromstring(f'<x xmlns:D="DAV:">{failed_response("S", "a b", PROBLEM)}</x>')[0]
    assert (response.findtext(D + "href"), response.findtext(D + "status")) == (
        "/S/a%20b",
        "HTTP/1.1 423 Locked",
    )
    assert response.find(f"{D}error/{P}problem") is not None


def test_a_token_is_asked_for_only_where_nothing_but_locks_is_in_the_way() -> None:
    locks = {"O1"}
    find = lambda handle: handle if handle in locks else None  # noqa: E731
    other = Blocker("O2", "", "", "", "", "", 0.0)
    assert lock_error(Problem("", "", 423, blockers=[BLOCKER]), find) == "lock-token-submitted"
    assert (
        lock_error(Problem("", "", 423, blockers=[BLOCKER]), find, locking=True)
        == "no-conflicting-lock"
    )
    assert (
        lock_error(Problem("", "", 423, blockers=[BLOCKER, other]), find) == "no-conflicting-lock"
    )
    assert lock_error(Problem("", "", 423), find) == "no-conflicting-lock"
    assert lock_error(Problem("", "", 403), find) == ""


def test_status_lines_are_those_of_http() -> None:
    assert status_line(424) == "HTTP/1.1 424 Failed Dependency"
    assert status_line(799) == "HTTP/1.1 799"


def test_what_xml_cannot_carry_is_not_printable_and_is_shown_as_a_question_mark() -> None:
    printable = "".join(char for char in map(chr, range(0x110000)) if char.isprintable())
    assert len(printable) > 100_000 and re.search(_UNFIT, printable) is None
    assert visible("ä\x01b\ud800\uffff\x85") == "ä?b??\x85"
