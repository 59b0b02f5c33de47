"""A fleet's side of client slots: it waits for clients, keeps them by its own clock, and knows when
it has lost them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from despoolr_app.fleet import lease as leasing
from despoolr_app.fleet.lease import SlotLease, SlotsLost, SlotsTaken
from despoolr_app.site_client.errors import SiteError, SiteRefused, SiteUnreachable
from despoolr_core.share.fleet_api import SlotFacts, SlotNews, SlotRequest
from despoolr_core.share.wire import Problem


class Site:
    """What the site server answers, call by call: a value, or an error. `meanwhile` is told of each
    call.
    """

    def __init__(self, *answers: Any, meanwhile: Callable[[str], None] = lambda what: None) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Any]] = []
        self.meanwhile = meanwhile

    def _next(self, what: str, asked: Any) -> Any:
        self.meanwhile(what)
        self.asked.append((what, asked))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def lease_slots(self, request: SlotRequest) -> SlotFacts:
        found: SlotFacts = self._next("lease", request)
        return found

    async def renew_slots(self, holder: str, news: SlotNews) -> SlotFacts:
        found: SlotFacts = self._next(f"renew {holder}", news)
        return found

    async def release_slots(self, holder: str, instance: str = "") -> None:
        self._next(f"release {holder}", instance)


def answer(first: int, count: int, lease_s: float = 0.01, free_after_s: float = 0.015) -> SlotFacts:
    return SlotFacts("h", first, count, lease_s, free_after_s)


def refused(status: int, detail: str, retry_after_s: float = 0.0) -> SiteRefused:
    return SiteRefused("SITE1", Problem("about:blank", "No", status, detail), retry_after_s)


SILENT = SiteUnreachable("http://site1", "Connection refused")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leasing, "STANDBY_S", 0.0)


def lease(site: Site, say: Callable[[str], None] = lambda text: None) -> SlotLease:
    return SlotLease(site, "h", 10, say)


async def test_what_is_granted_may_be_less_than_was_asked_for() -> None:
    taken = lease(Site(answer(41, 7)))
    await taken.take()
    assert (taken.first, taken.size, taken.lease_s) == (41, 7, 0.01)


class Hand:
    """A clock that is moved by hand, and by what is asked of the site meanwhile."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_lease_holds_from_the_moment_it_was_asked_for_not_from_the_answer() -> None:
    clock = Hand()

    def pass_on(what: str) -> None:
        clock.now += 5.0

    slow = Site(answer(1, 10, 20.0, 30.0), meanwhile=pass_on)
    taken = SlotLease(slow, "h", 10, lambda text: None, now=clock)
    assert not taken.is_held
    await taken.take()
    assert taken.ends_at == 120.0 and taken.is_held and taken.stop_s == 10.0
    clock.now = 119.999
    assert taken.is_held
    clock.now = 120.0
    assert not taken.is_held, (
        "whatever the site says: a paused process finds this out before it acts"
    )


async def test_a_holder_paused_past_its_end_does_not_renew_but_is_told_that_it_is_over() -> None:
    clock, site = Hand(), Site(answer(1, 10, 20.0))
    taken = SlotLease(site, "h", 10, lambda text: None, now=clock)
    await taken.take()
    clock.now += 21.0
    with pytest.raises(SlotsLost, match=r"clients 1 to 10 were not renewed for 20 s"):
        await taken.keep(lambda: 10)
    assert [what for what, _ in site.asked] == ["lease"]


async def test_numbers_that_came_when_they_were_over_are_asked_for_again_and_counted_once() -> None:
    clock, site = Hand(), Site(answer(1, 10, 20.0))

    def pass_on(what: str) -> None:
        clock.now += 25.0 if not site.asked else 1.0

    site.meanwhile = pass_on
    taken = SlotLease(site, "h", 10, lambda text: None, now=clock)
    await taken.take(has_stopped=True)
    assert taken.is_held and [request.stopped for _, request in site.asked] == [True, False]


async def test_an_answer_that_came_after_the_end_does_not_revive_a_lease() -> None:
    clock = Hand()

    def pause(what: str) -> None:
        if what.startswith("renew"):
            clock.now += 60.0

    paused = Site(answer(1, 10, 20.0), meanwhile=pause)
    taken = SlotLease(paused, "h", 10, lambda text: None, now=clock)
    await taken.take()
    with pytest.raises(SlotsLost):
        await taken.keep(lambda: 10)
    assert not taken.is_held


async def test_a_name_in_use_is_asked_for_once_more_when_its_process_should_have_been_missed() -> (
    None
):
    busy = refused(409, "A fleet named h runs", retry_after_s=0.001)
    site = Site(busy, answer(1, 10))
    taken = lease(site)
    await taken.take()
    assert taken.size == 10
    with pytest.raises(SiteRefused, match="A fleet named h runs"):
        await lease(Site(busy)).take()
    with pytest.raises(SiteRefused, match="run by another"):
        await lease(Site(refused(409, "run by another"), answer(1, 10))).take()


async def test_a_fleet_without_clients_stands_by_says_so_once_and_asks_again() -> None:
    said: list[str] = []
    site = Site(answer(0, 0), SILENT, answer(0, 0), answer(1, 10))
    taken = lease(site, said.append)
    await taken.take()
    assert taken.size == 10 and len(site.asked) == 4
    assert len(said) == 1 and "standing by" in said[0] and not taken.is_standing_by


async def test_a_silent_site_takes_nothing_away_before_the_lease_is_over() -> None:
    clock = Hand()
    site = Site(
        answer(1, 10), TimeoutError(), refused(500, "trouble"), answer(1, 10), TimeoutError()
    )

    def pass_on(what: str) -> None:
        clock.now += 0.003

    site.meanwhile = pass_on
    taken = SlotLease(site, "h", 10, lambda text: None, now=clock)
    await taken.take()
    with pytest.raises(SlotsLost):
        await taken.keep(lambda: 9)
    assert site.asked[1] == ("renew h", SlotNews(9)) and len(site.asked) >= 5


async def test_a_lease_that_the_site_does_not_know_is_asked_for_anew_at_once() -> None:
    said: list[str] = []
    gone, taken_over = (
        refused(404, "h holds no clients"),
        refused(409, "another process"),
    )
    site = Site(answer(1, 10), gone, answer(1, 10), taken_over)
    taken = lease(site, said.append)
    taken.now = Hand()
    await taken.take()
    with pytest.raises(
        SlotsTaken, match=r"clients 1 to 10 are no longer this fleet's: SITE1 says: another process"
    ):
        await taken.keep(lambda: 9)
    assert [what for what, _ in site.asked][1:3] == ["renew h", "lease"]
    assert site.asked[2][1].first == 1
    assert said == [
        "despoolr: the site server did not know clients 1 to 10; they are this fleet's again"
    ]


@pytest.mark.parametrize(
    "second",
    [answer(11, 10), answer(1, 9), answer(0, 0), refused(409, "no"), SILENT],
)
async def test_a_lease_whose_numbers_are_not_to_be_had_again_is_lost_at_once(second: Any) -> None:
    taken = lease(Site(answer(1, 10), refused(404, "h holds no clients"), second))
    taken.now = Hand()
    await taken.take()
    with pytest.raises(
        SlotsLost, match=r"clients 1 to 10 are no longer this fleet's: SITE1 says: h holds"
    ):
        await taken.keep(lambda: 9)
    assert not taken.is_held


@pytest.mark.parametrize("error", [SiteError("gone"), SILENT])
async def test_giving_back_never_fails(error: Exception) -> None:
    site = Site(error)
    await lease(site).give_back()
    assert site.asked == [("release h", "")]
