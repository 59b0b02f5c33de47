"""A fleet's side of client slots: it waits for clients, keeps them by its own clock, and knows when
it has lost them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from despoolr_app.fleet import lease as leasing
from despoolr_app.fleet.lease import SlotLease, SlotsLost, SlotsTaken
from despoolr_app.process.runtime import SiteRefused, StartError


class Site:
    """What the site server answers, call by call: a value, or an error."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Any]] = []

    async def call(self, method: str, path: str, body: Any) -> Any:
        self.asked.append((method, path, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def answer(first: int, count: int) -> dict[str, Any]:
    return {"holder": "h", "first": first, "count": count, "lease_s": 0.01, "free_after_s": 0.015}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leasing, "STANDBY_S", 0.0)


def lease(site: Site, say: Callable[[str], None] = lambda text: None) -> SlotLease:
    return SlotLease(site.call, "h", 10, say)


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

    async def slow(method: str, path: str, body: Any) -> Any:
        clock.now += 5.0
        return answer(1, 10) | {"lease_s": 20.0, "free_after_s": 30.0}

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
    clock, site = Hand(), Site(answer(1, 10) | {"lease_s": 20.0})
    taken = SlotLease(site.call, "h", 10, lambda text: None, now=clock)
    await taken.take()
    clock.now += 21.0
    with pytest.raises(SlotsLost, match=r"clients 1 to 10 were not renewed for 20 s"):
        await taken.keep(lambda: 10)
    assert [method for method, *_ in site.asked] == ["POST"]


async def test_numbers_that_came_when_they_were_over_are_asked_for_again_and_counted_once() -> None:
    clock, site = Hand(), Site(answer(1, 10) | {"lease_s": 20.0})

    async def call(method: str, path: str, body: Any) -> Any:
        clock.now += 25.0 if not site.asked else 1.0
        return await site.call(method, path, body)

    taken = SlotLease(call, "h", 10, lambda text: None, now=clock)
    await taken.take(has_stopped=True)
    assert taken.is_held and [body["stopped"] for _, _, body in site.asked] == [True, False]


async def test_an_answer_that_came_after_the_end_does_not_revive_a_lease() -> None:
    clock = Hand()

    async def paused(method: str, path: str, body: Any) -> Any:
        if method == "PUT":
            clock.now += 60.0
        return answer(1, 10) | {"lease_s": 20.0}

    taken = SlotLease(paused, "h", 10, lambda text: None, now=clock)
    await taken.take()
    with pytest.raises(SlotsLost):
        await taken.keep(lambda: 10)
    assert not taken.is_held


async def test_a_name_in_use_is_asked_for_once_more_when_its_process_should_have_been_missed() -> (
    None
):
    busy = SiteRefused(409, "A fleet named h runs", retry_after_s=0.001)
    site = Site(busy, answer(1, 10))
    taken = lease(site)
    await taken.take()
    assert taken.size == 10
    with pytest.raises(SiteRefused, match="A fleet named h runs"):
        await lease(Site(busy)).take()
    with pytest.raises(SiteRefused, match="run by another"):
        await lease(Site(SiteRefused(409, "run by another"), answer(1, 10))).take()


async def test_a_fleet_without_clients_stands_by_says_so_once_and_asks_again() -> None:
    said: list[str] = []
    site = Site(answer(0, 0), ConnectionError(), answer(0, 0), answer(1, 10))
    taken = lease(site, said.append)
    await taken.take()
    assert taken.size == 10 and len(site.asked) == 4
    assert len(said) == 1 and "standing by" in said[0] and not taken.is_standing_by


async def test_a_silent_site_takes_nothing_away_before_the_lease_is_over() -> None:
    clock = Hand()
    site = Site(
        answer(1, 10), TimeoutError(), SiteRefused(500, "trouble"), answer(1, 10), TimeoutError()
    )

    async def call(method: str, path: str, body: Any) -> Any:
        clock.now += 0.003
        return await site.call(method, path, body)

    taken = SlotLease(call, "h", 10, lambda text: None, now=clock)
    await taken.take()
    with pytest.raises(SlotsLost):
        await taken.keep(lambda: 9)
    assert site.asked[1] == ("PUT", "slots/h", {"live": 9}) and len(site.asked) >= 5


async def test_a_lease_that_the_site_does_not_know_is_asked_for_anew_at_once() -> None:
    said: list[str] = []
    gone, taken_over = (
        SiteRefused(404, "404: h holds no clients"),
        SiteRefused(409, "another process"),
    )
    site = Site(answer(1, 10), gone, answer(1, 10), taken_over)
    taken = lease(site, said.append)
    taken.now = Hand()
    await taken.take()
    with pytest.raises(
        SlotsTaken, match=r"clients 1 to 10 are no longer this fleet's: another process"
    ):
        await taken.keep(lambda: 9)
    assert [(method, (body or {}).get("first")) for method, _, body in site.asked][1:3] == [
        ("PUT", None),
        ("POST", 1),
    ]
    assert said == [
        "despoolr: the site server did not know clients 1 to 10; they are this fleet's again"
    ]


@pytest.mark.parametrize(
    "second",
    [answer(11, 10), answer(1, 9), answer(0, 0), SiteRefused(409, "no"), ConnectionError()],
)
async def test_a_lease_whose_numbers_are_not_to_be_had_again_is_lost_at_once(second: Any) -> None:
    taken = lease(Site(answer(1, 10), SiteRefused(404, "404: h holds no clients"), second))
    taken.now = Hand()
    await taken.take()
    with pytest.raises(SlotsLost, match=r"clients 1 to 10 are no longer this fleet's: 404"):
        await taken.keep(lambda: 9)
    assert not taken.is_held


@pytest.mark.parametrize("error", [StartError("gone"), ConnectionError()])
async def test_giving_back_never_fails(error: Exception) -> None:
    site = Site(error)
    await lease(site).give_back()
    assert site.asked == [("DELETE", "slots/h", None)]
