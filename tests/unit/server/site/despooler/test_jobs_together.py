"""Jobs for the same many clients that are ready together: each client's instruction file is written
once for all of them, and what becomes of each job is what it would have been alone.
"""

from __future__ import annotations

import pytest

from despoolr_core.formats.instructions.winst_text import parse_winst
from despoolr_core.share.modes import Access, ShareMode
from despoolr_server.site.despooler import service
from despoolr_server.site.jobs.model import JobType, RunPhase
from despoolr_server.site.state import boxes
from worlds.site import Bench

COUNT = 3


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(service, "SHARED_MIN", COUNT)
    bench = Bench("1.2 SP4")
    await bench.machines(COUNT)
    return bench


async def two_jobs(bench: Bench, names: tuple[str, str] = ("OFFICE", "GAMES")) -> tuple[str, str]:
    packages = {name: await bench.package(name=name) for name in dict.fromkeys(names)}
    first, second = [
        await bench.run_job(packages[name], f"{name}{n}") for n, name in enumerate(names)
    ]
    return first, second


def written(bench: Bench) -> list[str]:
    """The clients' files that were written, one after the other."""
    paths = [one["path"] for one in bench.facts("file.written")]
    return [path[-12:] for path in paths if path.startswith(boxes.PCM_DOMAINS)]


def jobs_of(bench: Bench, client: str = "BPC00001") -> list[str]:
    (data,) = [
        data
        for path, data in bench.files("SITE1/SMS_SHRD", boxes.PCM_DOMAINS).items()
        if client in path
    ]
    return [record.job_id for record in parse_winst(data).records]


def steps(bench: Bench) -> list[str]:
    words = {"Found ready": "found", "successfully executed": "done"}
    log = bench.log("SMS_DESPOOLER")
    return [step for line in log for said, step in words.items() if said in line]


ONCE = [f"BPC0000{n}.INS" for n in range(1, COUNT + 1)]


async def test_each_file_is_written_once_for_all_of_them(bench: Bench) -> None:
    first, second = await two_jobs(bench)
    await bench.pump(2)
    assert written(bench) == ONCE
    assert all(jobs_of(bench, name[:8]) == [first, second] for name in ONCE)
    for job in (first, second):
        assert bench.details(job)["Completion", ""] == "Complete"
    assert steps(bench) == ["found", "found", "done", "done"]
    assert bench.names("SITE1/SMS_SITE") == []


@pytest.mark.parametrize("names", [("OFFICE", "OFFICE"), ("OFFICE", "GAMES")])
async def test_jobs_of_one_package_or_for_few_clients_go_one_after_the_other(
    bench: Bench, names: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of one package may change where the first one's commands say that it lies."""
    if names[0] != names[1]:
        monkeypatch.setattr(service, "SHARED_MIN", COUNT + 1)
    await two_jobs(bench, names)
    await bench.pump(2)
    assert written(bench) == ONCE * 2
    assert len(jobs_of(bench)) == 2


async def test_a_job_for_others_does_not_wait(bench: Bench) -> None:
    first, second = await two_jobs(bench)
    run = RunPhase(command="SETUP.EXE /q")
    maps = await bench.package(name="MAPS")
    other = await bench.job(
        maps, "MAPS", type=JobType.RUN_COMMAND, machines=("WS1", "WS2"), run=run
    )
    await bench.pump(2)
    assert written(bench) == [*ONCE, *ONCE[:2]]
    assert jobs_of(bench) == [first, second, other]


async def test_what_a_share_refuses_is_tried_again_for_all_of_them(bench: Bench) -> None:
    await bench.run_job(await bench.package(name="EARLIER"), "EARLIER")
    await bench.pump(2)
    path = next(p for p in bench.files("SITE1/SMS_SHRD", boxes.PCM_DOMAINS) if "BPC00002" in p)
    held = await bench.share("SITE1", boxes.ROOT_SHARE, "SITE1").open(
        path, access=Access.READ, share_mode=ShareMode.NONE
    )
    first, second = await two_jobs(bench)
    await bench.pump(2)
    assert bench.details(first)["Completion", ""] == "None"
    assert jobs_of(bench)[1:] == [first, second]
    await held.close()
    await bench.pump(2)
    assert jobs_of(bench, "BPC00002")[1:] == [first, second]
    for job in (first, second):
        assert bench.details(job)["Completion", ""] == "Complete"


async def test_a_site_server_that_dies_before_they_are_told_does_both_again(bench: Bench) -> None:
    first, second = await two_jobs(bench)
    despooler = bench.service("SMS_DESPOOLER")
    installer = despooler._installer  # type: ignore[attr-defined]

    async def die(_: object) -> str:
        raise KeyboardInterrupt

    installer.finish = die
    with pytest.raises(KeyboardInterrupt):
        await bench.pump(2)
    bench.reborn()
    await bench.pump(3)
    assert jobs_of(bench) == [first, second]
    for job in (first, second):
        assert bench.details(job)["Completion", ""] == "Complete"
