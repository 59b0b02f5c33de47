"""Every strategy of ours, alone, against everything a package can have and everybody who may be in
its way: on a site with two servers, from the first distribution to the last retry.
"""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_core.rules.remedies import COPY_STRATEGIES
from despoolr_core.share.modes import ShareMode
from despoolr_server.site.jobs.model import DistributePhase
from despoolr_server.site.state.registry import COPIED_FILES, Registry
from worlds.site import NEW_FILES, Bench

OURS = [name for name, strategy in COPY_STRATEGIES.items() if strategy.is_ours]
BOTH = ("LOGON1", "LOGON2")
RETRY_ROUNDS = 25
"""Polling intervals until the retry is over."""

FIRST = {
    "a.dat": "a, first",
    "b.dat": "b, first",
    "empty.dat": "",
    "filled.dat": "",
    "emptied.dat": "full, first",
    "gone.dat": "gone, first",
    "same.dat": "the same in both",
    "gone/deep/x.dat": "x, first",
    "sub/c.dat": "c, first",
    "sub/deep/d.dat": "d, first",
    "was_file": "a file, then a directory",
    "was_directory/y.dat": "a directory, then a file",
}
SECOND = {
    "a.dat": "a, second",
    "b.dat": "b, second",
    "empty.dat": "",
    "filled.dat": "no longer empty",
    "emptied.dat": "",
    "new.dat": "new",
    "new/deep/z.dat": "new and deep",
    "same.dat": "the same in both",
    "sub/c.dat": "c",
    "sub/deep/d.dat": "d, second and longer",
    "was_file/y.dat": "a file, then a directory",
    "was_directory": "a directory, then a file",
}

READ, DELETE, ALL, NOTHING = (
    ShareMode.READ,
    ShareMode.READ | ShareMode.DELETE,
    ShareMode.ALL,
    ShareMode.NONE,
)
ALWAYS = {"new_folder_and_switch", "at_restart"}
BY_WRITE = {"skip_locked_and_retry", "retry_on_close"}
BY_DELETE = {"rename_aside", "posix_replace"}
HOLDERS = {
    # what the holder of a file that changed shares, whether it locks a range; who gets past it
    "shares nothing": (NOTHING, False, ALWAYS),
    "shares READ": (READ, False, ALWAYS),
    "shares READ|DELETE": (DELETE, False, ALWAYS | BY_DELETE),
    "shares all": (ALL, False, ALWAYS | BY_DELETE | BY_WRITE),
    "has a range locked": (ALL, True, ALWAYS | BY_DELETE),
}


async def site(strategy: str, servers: tuple[str, ...] = BOTH, version: str = "1.1") -> Bench:
    """A site of that strategy and nothing else of ours, whose servers have the first version."""
    bench = Bench(version, servers, copy_strategy=strategy)
    package = await bench.package(FIRST)
    job = await bench.job(package, "FIRST", distribute=DistributePhase(servers))
    await bench.pump(2)
    assert bench.status(job) == "Complete"
    return bench


async def update(bench: Bench, files: dict[str, str] = SECOND) -> str:
    """The source becomes these files and no others, and a job carries them out."""
    share = bench.share("SITE1", "PKGSRC")
    for name in sorted(bench.names("SITE1/PKGSRC", "OFFICE"), reverse=True):
        await share.delete(name)
    for entry in await share.list("OFFICE"):
        await _delete_directories(share, f"OFFICE/{entry.name}")
    return await bench.update("BPC00001", files)


async def _delete_directories(share: Any, path: str) -> None:
    for entry in await share.list(path):
        await _delete_directories(share, f"{path}/{entry.name}")
    await share.delete(path)


def lies(bench: Bench, server: str) -> dict[str, str]:
    """What lies where the clients are pointed: path below the package to text."""
    service: Any = bench.service("DESPOOLER")
    servers = service._installer._servers
    role = next(role for role in bench.site.servers if role.name == server)
    directory = servers.directory(role, "BPC00001")
    found = bench.files(f"{server}/SMS_PKGD", directory)
    return {path.removeprefix(f"{directory}/"): data.decode() for path, data in found.items()}


@pytest.mark.slow
async def test_the_first_distribution_is_whole_and_so_is_the_update() -> None:
    for strategy in OURS:
        bench = await site(strategy)
        assert [lies(bench, name) for name in BOTH] == [FIRST, FIRST], strategy
        job = await update(bench)
        await bench.pump(2)
        assert bench.status(job) == "Complete", strategy
        assert [lies(bench, name) for name in BOTH] == [SECOND, SECOND], strategy


@pytest.mark.slow
@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("strategy", OURS)
async def test_a_holder_stops_whom_the_sharing_rule_says_and_the_retry_gets_through(
    strategy: str, holder: str
) -> None:
    share_mode, locks, pass_it = HOLDERS[holder]
    bench = await site(strategy)
    held = await bench.hold("BPC00001/b.dat", "LOGON2", share_mode=share_mode)
    if locks:
        await held.lock(0, 4)
    job = await update(bench)
    await bench.pump(2)
    assert lies(bench, "LOGON1") == SECOND, "nobody is in the way there"
    gets_past = strategy in pass_it
    assert bench.status(job) == ("Complete" if gets_past else "Retrying")
    if not locks:
        assert COPY_STRATEGIES[strategy].could_pass(1, int(share_mode)) is gets_past
    await held.close()
    await bench.pump(RETRY_ROUNDS)
    assert bench.status(job) == "Complete"
    if COPY_STRATEGIES[strategy].waits_for_restart:
        was_in_use = share_mode is not ALL or locks
        assert (lies(bench, "LOGON2") != SECOND) is was_in_use, "done, says the status"
        bench.restart("LOGON2")
    assert [lies(bench, name) for name in BOTH] == [SECOND, SECOND]
    states = {row.state for name in BOTH for row in bench.logons[name].host.episodes()}
    assert states <= {"resolved"}


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
@pytest.mark.parametrize("share_mode", [READ, NOTHING])
async def test_files_that_are_held_one_after_the_other_get_through_in_the_end(
    share_mode: ShareMode, version: str
) -> None:
    bench = await site("skip_locked_and_retry", ("LOGON1",), version)
    files = {**FIRST, "a.dat": "a, second", "b.dat": "b, second", "sub/c.dat": "c, second"}
    held = await bench.hold("BPC00001/a.dat", share_mode=share_mode)
    job = await update(bench, files)
    await bench.pump(2)
    for name in ("b.dat", "sub/c.dat"):
        await held.close()
        held = await bench.hold(f"BPC00001/{name}", share_mode=share_mode)
        await bench.pump(RETRY_ROUNDS)
    assert bench.status(job) == "Complete", "each file was free once, and is new since"
    assert lies(bench, "LOGON1") == files


async def test_a_job_that_is_given_up_leaves_nothing_of_its_attempts_behind() -> None:
    bench = Bench("1.1", copy_strategy="skip_locked_and_retry", attempts_max=1)
    await bench.job(await bench.package(), "FIRST")
    await bench.pump(2)
    await bench.hold("BPC00001/b.dat")
    job = await bench.update("BPC00001")
    await bench.pump(2)
    assert await copied_files(bench, job), "a.dat and c.dat are new"
    await bench.pump(RETRY_ROUNDS)
    assert bench.status(job) == "Failed"
    assert not await copied_files(bench, job)


async def test_a_job_that_is_cancelled_leaves_nothing_of_its_attempts_behind() -> None:
    bench = Bench("1.1", copy_strategy="skip_locked_and_retry")
    await bench.job(await bench.package(), "FIRST")
    await bench.pump(2)
    store = bench.stores["LOGON1/SMS_PKGD"]
    store.quotas["BPC00001"] = len(NEW_FILES["a.dat"])
    job = await bench.update("BPC00001", {**NEW_FILES, "b.dat": "more than there is room for"})
    await bench.pump(2)
    assert await copied_files(bench, job), "a full disk is nobody's refusal"
    await bench.administrator.cancel_job("UPDATE")
    await bench.pump(3)
    assert not await copied_files(bench, job)


async def copied_files(bench: Bench, job: str) -> dict[str, str]:
    registry = Registry(bench.root)
    await registry.load()
    return registry.values(f"{COPIED_FILES}\\{job}")
