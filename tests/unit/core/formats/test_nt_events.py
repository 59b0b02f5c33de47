"""The table of event codes."""

from __future__ import annotations

import pytest

from despoolr_core.formats.nt_event import EventSeverity, NtEvent
from despoolr_core.formats.nt_events import EVENTS, event

CODES_OF_DOMAIN_I4 = {
    *(1, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16),
    *range(17, 53),
    *range(59, 72),
    *(
        90,
        91,
        106,
        107,
        108,
        109,
        111,
        113,
        114,
        115,
        116,
        119,
        120,
        121,
        172,
        177,
        178,
        189,
        206,
        245,
        247,
        248,
        249,
        251,
    ),
    *(260, 265, 268, 269, 272, 277, 280, 284, 285, 286, 289, 292, 293, 302, 303, 304),
    *range(309, 333),
    *(357, 372, 373, 374, 375, 376, 391, 393),
}


def raised(code: int, *insertions: object) -> NtEvent:
    return event(code, *insertions, at=0.0, component="C", machine="M", site_code="BPC")


def test_every_code_of_the_list_has_a_text() -> None:
    assert set(EVENTS) == CODES_OF_DOMAIN_I4


@pytest.mark.parametrize("code", sorted(EVENTS))
def test_every_text_can_be_filled_in_and_cites_its_list(code: int) -> None:
    template = EVENTS[code]
    values = [f"<{number}>" for number in range(template.insertion_count)]
    text = raised(code, *values).text
    assert all(value in text for value in values)
    assert "{" not in text
    lists = {
        "Q122177": (0, 99),
        "Q122178": (100, 199),
        "Q122179": (200, 249),
        "Q122180": (250, 349),
        "Q122181": (350, 400),
    }
    first, last = lists[template.article]
    assert first <= code <= last


@pytest.mark.parametrize(
    ("code", "values", "text"),
    [
        (
            14,
            ("SMS_DESPOOLER",),
            "SMS_DESPOOLER encountered a fatal error, and is unable to retry the instruction.",
        ),
        (
            119,
            (),
            "Workstation installation MIF file from Package Command Manager has an invalid format "
            "or is too large (>64 kBytes).",
        ),
        (121, ("A.MIF",), "Could not read from file: <A.MIF>"),
        (206, ("A", "B"), "Failed to store the master package from A to B."),
        (21, (100,), "Install request: Send request has permanently failed. Total retries = 100."),
    ],
)
def test_texts_the_archive_quotes_are_letter_for_letter(
    code: int, values: tuple[object, ...], text: str
) -> None:
    assert raised(code, *values).text == text
    assert EVENTS[code].is_quoted


def test_texts_of_our_wording_say_so() -> None:
    assert not EVENTS[47].is_quoted
    assert not EVENTS[323].is_quoted


def test_a_blank_insertion_stays_blank() -> None:
    """Q193766: event 109 with blank numbers."""
    text = raised(109, "SRV1", "", "").text
    assert text.endswith(
        "Disk space available on that server is  megabytes, space required is  megabytes."
    )


def test_a_wrong_number_of_insertions_is_our_bug() -> None:
    with pytest.raises(AssertionError, match="event 206 takes 2 insertions, not 1"):
        raised(206, "A")


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(KeyError):
        raised(8)


def test_a_success_is_no_error() -> None:
    assert EVENTS[272].severity is EventSeverity.INFORMATION
    assert EVENTS[374].severity is EventSeverity.ERROR


def test_insertions_are_found_by_name() -> None:
    found = event(
        6,
        at=0.0,
        component="C",
        machine="M",
        site_code="BPC",
        job_id="BPC000AA",
        job_destination="CHD",
    )
    assert found.insertion("JobID") == "BPC000AA"
    assert found.insertion("JobDestination") == "CHD"
    assert found.insertion("Operation") == ""
