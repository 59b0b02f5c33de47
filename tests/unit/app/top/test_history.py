"""What happened to what waits, as `top` tells it."""

from __future__ import annotations

from msgspec import structs

from despoolr_app.top.answer import TopAnswer, TopTarget
from despoolr_app.top.history import EVENTS_MAX, history_lines
from despoolr_core.records.live.model import LiveMark
from worlds.top import NOW, blocked_answer


def told(answer: TopAnswer) -> list[str]:
    block = answer.page.block_order[0]
    (text,) = history_lines(answer, TopTarget(block))
    return text.split("\n")


def with_marks(count: int, text: str = "step") -> TopAnswer:
    answer = blocked_answer()
    marks = [LiveMark(NOW - 60 + n, "step", f"{text} {n}") for n in range(count)]
    return structs.replace(answer, page=structs.replace(answer.page, marks=marks))


def test_opens_refusals_and_marks_are_told_in_their_order() -> None:
    lines = told(with_marks(1))
    assert lines[0] == "Mon 06-03 09:00:00  WINWORD.EXE on WS1 opened b.dat"
    assert lines[1] == "Tue 06-04 12:00:00  SMS_DESPOOLER on SITE1 was refused once"
    assert lines[-1].endswith("step 0") and lines == sorted(lines, key=lambda line: line[4:18])


def test_the_newest_are_told_and_the_rest_is_counted() -> None:
    lines = told(with_marks(40))
    assert len(lines) == EVENTS_MAX + 1 and lines[0].endswith("earlier; the live page has them.")
    assert lines[-1].endswith("step 39")


def test_a_text_from_outside_drives_no_terminal() -> None:
    assert all("\x1b" not in line for line in told(with_marks(1, "\x1b[2J")))


def test_what_waits_no_more_has_no_history() -> None:
    assert history_lines(blocked_answer(), TopTarget("gone")) == ["It waits no more."]
