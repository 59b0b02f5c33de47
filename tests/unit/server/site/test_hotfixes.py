"""A hotfix is installed while the SMS Executive is stopped, everything in flight is kept, and a
restart keeps it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from despoolr_core.articles import ARTICLES, article_of
from despoolr_core.profile import PROFILES, ProfileError, profile_of
from despoolr_server.site.hotfixes import Hotfixes
from despoolr_server.site.services.service import Executive
from despoolr_server.site.state import boxes
from worlds.site import Bench


async def test_the_profile_field_changes_and_the_registry_remembers_it() -> None:
    bench = Bench("1.2 SP4")
    assert not bench.site.profile.retry_keeps_refresh
    article = await bench.server.hotfixes.apply("195936")
    assert article.kb == "Q195936"
    assert bench.site.profile.retry_keeps_refresh
    assert bench.facts("hotfix.installed") == [
        {"article": "Q195936", "fields": {"retry_keeps_refresh": True}}
    ]
    assert b"Q195936=" in await bench.root.read(boxes.REGISTRY)
    assert list(await bench.server.hotfixes.installed()) == ["Q195936"]


async def test_a_site_server_that_starts_again_has_its_hotfixes() -> None:
    bench = Bench("1.2")
    await bench.server.hotfixes.apply("Q166833")
    bench.site.profile = Bench("1.2").site.profile
    await Hotfixes(bench.site, bench.server.executive).restore()
    assert bench.site.profile.failed_mif_status == "Failed"


async def test_what_the_despooler_wrote_into_the_registry_stays_there() -> None:
    bench = Bench("1.2")
    await bench.job(await bench.package())
    await bench.pump(2)
    await bench.server.hotfixes.apply("Q195936")
    text = (await bench.root.read(boxes.REGISTRY)).decode()
    assert "[SMS_Despooler\\Master Packages]" in text
    assert "[SMS_Setup\\Hotfixes]" in text


@pytest.mark.parametrize("kb", sorted(ARTICLES))
async def test_the_hotfix_of_each_article_mends_the_oldest_version_that_has_its_fault(
    kb: str,
) -> None:
    article = article_of(kb)
    version = next(name for name in PROFILES if article.has_fault(profile_of(name)))
    bench = Bench(version)
    assert (await bench.server.hotfixes.apply(kb.lower())).kb == kb
    assert not article.has_fault(bench.site.profile)
    assert list(await bench.server.hotfixes.installed()) == [kb]


@pytest.mark.parametrize("kb", ["Q152229", "Q000001"])
async def test_where_there_is_nothing_to_mend_it_is_refused(kb: str) -> None:
    bench = Bench("1.2")
    with pytest.raises(ProfileError):
        await bench.server.hotfixes.apply(kb)
    assert await bench.server.hotfixes.installed() == {}


async def turns(is_there: Callable[[], bool], turns_max: int = 10_000) -> None:
    """Let the loop turn until something is so."""
    for _ in range(turns_max):
        if is_there():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to be so")


async def test_the_executive_is_stopped_meanwhile_and_its_services_go_on_afterwards() -> None:
    bench = Bench("1.2")
    executive: Executive = bench.server.executive
    bench.clock.sleep_until = lambda deadline: asyncio.sleep(0)  # type: ignore[method-assign]
    running = asyncio.create_task(executive.run())
    await turns(lambda: all(service.cycle_count for service in executive.services))
    await bench.server.hotfixes.apply("Q195936")
    counts = [service.cycle_count for service in executive.services]
    await turns(
        lambda: all(
            s.cycle_count > then for s, then in zip(executive.services, counts, strict=True)
        )
    )
    said = [
        line for line in bench.log("SMS_EXECUTIVE") if "SMS Executive" in line or "Hotfix" in line
    ]
    assert said == [
        "~SMS Executive started.",
        "~SMS Executive stopped.",
        "~Hotfix Q195936 is installed.",
        "~SMS Executive started.",
    ]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
