"""Responses that are given again: for the facts that they were made of, and within bounds."""

from __future__ import annotations

import pytest

from despoolr_server.engine.rows import FileFacts
from despoolr_server.http.dav import fragments
from despoolr_server.http.dav.bodies import ALL, PropertyQuery
from despoolr_server.http.dav.fragments import FRAGMENT_SIZE_MAX, OVERHEAD, KeptFragments

FACTS = FileFacts("BOX/A.TXT", 3, 0.0, False, 0, '"1"')
OTHER = FileFacts("BOX/B.TXT", 3, 0.0, False, 0, '"2"')


def test_a_response_is_kept_with_its_facts_for_one_question() -> None:
    kept = KeptFragments()
    kept.keep("SMS_SHR", ALL, FACTS, b"<a/>")
    assert kept.of("SMS_SHR", ALL).files == {"BOX/A.TXT": (FACTS, b"<a/>")}
    assert kept.of("sms_shr", ALL).files == {}
    assert kept.of("SMS_SHR", PropertyQuery("propname", ())).files == {}
    kept.keep("SMS_SHR", ALL, FACTS, b"<longer/>")
    assert kept.size == len(b"<longer/>") + OVERHEAD + len(FACTS.path)


def test_a_long_response_is_made_each_time() -> None:
    kept = KeptFragments()
    kept.keep("SMS_SHR", ALL, FACTS, b"x" * FRAGMENT_SIZE_MAX)
    kept.keep("SMS_SHR", ALL, OTHER, b"x" * (FRAGMENT_SIZE_MAX + 1))
    assert [*kept.of("SMS_SHR", ALL).files] == ["BOX/A.TXT"]


def test_when_the_bytes_are_used_up_all_of_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragments, "SIZE_MAX", OVERHEAD + len(FACTS.path) + 4)
    kept = KeptFragments()
    kept.keep("SMS_SHR", ALL, FACTS, b"<a/>")
    kept.keep("SMS_SHR", ALL, OTHER, b"<b/>")
    assert kept.of("SMS_SHR", ALL).files == {"BOX/B.TXT": (OTHER, b"<b/>")}
    assert kept.size == OVERHEAD + len(OTHER.path) + 4


def test_when_there_are_too_many_questions_all_of_it_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fragments, "QUESTIONS_MAX", 2)
    kept = KeptFragments()
    for share in ("A", "B"):
        kept.keep(share, ALL, FACTS, b"<a/>")
    assert kept.of("A", ALL).files
    assert kept.of("C", ALL).files == {}
    assert kept.of("A", ALL).files == {}
    assert kept.size == 0


def test_the_responses_of_a_run_are_kept_with_all_their_facts() -> None:
    kept = KeptFragments()
    for together in (b"<a/><b/>", b"<a2/><b/>"):
        kept.keep_run("SMS_SHR", ALL, [FACTS, OTHER], together)
    assert kept.of("SMS_SHR", ALL).runs == {"BOX/A.TXT": ([FACTS, OTHER], b"<a2/><b/>")}
    assert len(b"<a2/><b/>") < kept.size < 2 * OVERHEAD


def test_what_is_not_ascii_counts_with_the_bytes_that_it_takes() -> None:
    kept = KeptFragments()
    kept.keep("SMS_SHR", ALL, FACTS, b"<a/>")
    before = kept.size
    kept.keep("SMS_SHR", ALL, FileFacts("漢" * 300, 3, 0.0, False, 0, '"1"'), b"<a/>")
    assert kept.size - before == OVERHEAD + 4 * 300 + 4
