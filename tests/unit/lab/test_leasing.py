"""A fleet's side of client slots: it waits for clients, keeps them while the site is silent, and ends when it lost them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from despoolr_lab import leasing
from despoolr_lab.ground import SiteRefused, StartError
from despoolr_lab.leasing import SlotLease, SlotsLost


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
    return {"holder": "h", "first": first, "count": count, "lease_s": 0.01}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leasing, "STANDBY_S", 0.0)


def lease(site: Site, say: Callable[[str], None] = lambda text: None) -> SlotLease:
    return SlotLease(site.call, "h", 10, say)


async def test_what_is_granted_may_be_less_than_was_asked_for() -> None:
    taken = lease(Site(answer(41, 7)))
    await taken.take()
    assert (taken.first, taken.size, taken.lease_s) == (41, 7, 0.01)


async def test_a_fleet_without_clients_stands_by_says_so_once_and_asks_again() -> None:
    said: list[str] = []
    site = Site(answer(0, 0), ConnectionError(), answer(0, 0), answer(1, 10))
    taken = lease(site, said.append)
    await taken.take()
    assert taken.size == 10 and len(site.asked) == 4
    assert len(said) == 1 and "standing by" in said[0] and not taken.is_standing_by


async def test_a_silent_site_takes_nothing_away_and_one_that_says_no_does() -> None:
    gone = SiteRefused(404, "404: h holds no clients")
    site = Site(answer(1, 10), TimeoutError(), SiteRefused(500, "trouble"), answer(1, 10), gone)
    with pytest.raises(SlotsLost, match=r"clients 1 to 10 are no longer this fleet's: 404"):
        taken = lease(site)
        taken.size, taken.lease_s = 10, 0.0
        await taken.keep(lambda: 9)
    assert site.asked[0] == ("PUT", "slots/h", {"live": 9}) and len(site.asked) == 5


@pytest.mark.parametrize("error", [StartError("gone"), ConnectionError()])
async def test_giving_back_never_fails(error: Exception) -> None:
    site = Site(error)
    await lease(site).give_back()
    assert site.asked == [("DELETE", "slots/h", None)]
