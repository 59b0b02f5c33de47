"""What is done again while nobody answers, for how long, and what is not."""

from __future__ import annotations

import asyncio

import pytest

from despoolr_app.site_client.errors import SiteError, SiteRefused, SiteUnreachable
from despoolr_app.site_client.patience import patiently
from despoolr_core.share.wire import Problem
from despoolr_lab.sim.world import run_virtual

SILENT = SiteUnreachable("http://site1", "Connection refused")
BUSY = SiteRefused("SITE1", Problem("x", "y", 503, "Too busy."))


class Site:
    """Fails so often, then answers; `at` has the times at which it was asked."""

    def __init__(self, *failures: SiteError) -> None:
        self.failures = list(failures)
        self.at: list[float] = []

    async def ask(self) -> str:
        self.at.append(asyncio.get_running_loop().time())
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def test_a_silent_site_is_asked_again_and_that_is_said_once() -> None:
    async def main() -> None:
        site, said = Site(SILENT, SILENT), list[SiteError]()
        assert await patiently(site.ask, again_s=0.5, say=said.append) == "answer"
        assert [round(at - site.at[0], 3) for at in site.at] == [0.0, 0.5, 1.0]
        assert said == [SILENT]

    run_virtual(main)


def test_a_site_that_stays_away_is_given_up_with_its_last_failure() -> None:
    async def main() -> None:
        site = Site(*[SILENT] * 99)
        with pytest.raises(SiteUnreachable):
            await patiently(site.ask, wait_s=2.0, again_s=0.5)
        assert site.at[-1] - site.at[0] == pytest.approx(2.0)

    run_virtual(main)


def test_a_refusal_is_final_unless_it_is_said_to_pass() -> None:
    async def main() -> None:
        with pytest.raises(SiteRefused):
            await patiently(Site(BUSY).ask)
        passes = [BUSY.status]
        answer = await patiently(Site(BUSY).ask, passes=lambda error: error.status in passes)
        assert answer == "answer"

    run_virtual(main)
