"""The Despooler's work on packages: which servers, what is retried, what is reported, and when it
is over.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from despoolr_core.formats.instructions.instruction import Install, RetryOf, parse_instruction
from despoolr_core.formats.instructions.winst_text import parse_winst
from despoolr_core.profile import PROFILES
from despoolr_core.records.kinds.share import FileWritten
from despoolr_core.records.stream import Record
from despoolr_core.share.modes import Access, ShareMode
from despoolr_server.site.despooler.server_update import MEGABYTE
from despoolr_server.site.jobs.model import DistributePhase, JobType, RunPhase, SendPhase
from despoolr_server.site.state import boxes
from worlds.site import NEW_FILES, Bench

BOTH = ("LOGON1", "LOGON2")


async def installed(
    *args: object, on: tuple[str, ...] = (), **overrides: object
) -> tuple[Bench, str]:
    """A bench on whose servers (all, or `on`) the package lies."""
    bench = Bench(*args, **overrides)  # type: ignore[arg-type]
    package = await bench.package()
    await bench.job(package, "FIRST", distribute=DistributePhase(on or tuple(bench.logons)))
    await bench.pump(2)
    return bench, package


def there(bench: Bench, package: str, server: str = "LOGON1") -> dict[str, str]:
    files = bench.files(f"{server}/SMS_PKGD", package)
    return {path.rpartition("/")[2]: data.decode() for path, data in files.items()}


async def retry_of(bench: Bench, job: str) -> Install:
    return Install.from_instruction(parse_instruction(await bench.receive.read(f"{job}_R.SNI")))


async def test_a_package_is_stored_put_on_every_server_and_reported() -> None:
    bench, package = await installed("1.1", BOTH)
    assert all(there(bench, package, name)["a.dat"] == "a, first" for name in BOTH)
    assert bench.names("SITE1/SMS_SHRD", boxes.STORE) == [f"{boxes.STORE}/{package}.PCK"]
    job = (await bench.administrator.jobs())[0].job
    assert bench.details(job) == {
        ("Site Arrival", ""): "Complete",
        ("Completion", ""): "Complete",
        ("Server", "LOGON1"): "Complete",
        ("Server", "LOGON2"): "Complete",
    }
    assert bench.names("SITE1/SMS_SITE") == []


async def test_each_client_gets_a_record_with_ten_servers_at_most() -> None:
    servers = tuple(f"LOGON{n}" for n in range(1, 13))
    bench = Bench("1.1", servers)
    await bench.machines(2)
    job = await bench.run_job(await bench.package(), expires_after=bench.clock.now() + 3600.0)
    await bench.pump(2)
    for server in servers:
        file = parse_winst(
            await bench.share(server, boxes.LOGON_SHARE).read("PCMINS.BOX/BPC00002.INS")
        )
        (record,) = file.records
        assert (record.job_id, record.run_command, record.expiration_full) == (
            job,
            "SETUP.EXE /q",
            1,
        )
        assert len(record.servers) == 10  # Q161310
        assert record.servers[0].unc == r"\\LOGON1\SMS_PKGD\BPC00001" + "\\"


async def test_masters_are_being_written_as_long_as_a_job_writes_them_and_no_longer() -> None:
    bench = Bench("1.1", BOTH)
    await bench.machines(2)
    seen: dict[str, list[bool]] = {"masters": [], "others": []}

    def look(record: Record) -> None:
        if isinstance(record.data, FileWritten):
            what = "masters" if boxes.PCM_DOMAINS in record.data.path else "others"
            seen[what].append(bench.site.master_writing.is_under_way)

    bench.site.recorder.listeners.append(look)
    await bench.run_job(await bench.package())
    await bench.pump(2)
    assert seen["masters"] == [True, True]
    assert not any(seen["others"])


# -- which servers (Q140051, Q235157)

SHARE, RUN = JobType.SHARE_PACKAGE, JobType.RUN_COMMAND
WHICH = [
    # the job, lies on, put on, refresh existing: who gets the new files
    (RUN, BOTH, BOTH, False, set()),
    (RUN, BOTH, ("LOGON2",), False, set()),
    (SHARE, BOTH, BOTH, False, set(BOTH)),
    (SHARE, BOTH, ("LOGON2",), False, {"LOGON2"}),
    (SHARE, BOTH, (), True, set(BOTH)),
    (RUN, BOTH, (), True, set(BOTH)),
    (SHARE, ("LOGON1",), (), True, {"LOGON1"}),
    (RUN, ("LOGON1",), ("LOGON1",), False, set()),
    (SHARE, ("LOGON1",), ("LOGON2",), False, set(BOTH)),  # a new server refreshes the old too
    (RUN, ("LOGON1",), ("LOGON2",), False, set(BOTH)),
    (SHARE, ("LOGON1",), ("LOGON2",), True, set(BOTH)),
]


@pytest.mark.parametrize(("kind", "on", "put_on", "refresh", "get"), WHICH, ids=range(len(WHICH)))
async def test_an_update_reaches_the_servers_its_phases_name(
    kind: JobType, on: tuple[str, ...], put_on: tuple[str, ...], refresh: bool, get: set[str]
) -> None:
    bench, package = await installed("1.2", BOTH, on=on)
    job = await bench.update(package, type=kind, distribute=DistributePhase(put_on, refresh))
    await bench.pump(2)
    assert {name for name in BOTH if there(bench, package, name).get("a.dat") == "a, second"} == get
    assert bench.status(job) == "Complete"


# -- a blocked update


async def test_a_refused_file_makes_a_retry_instruction_for_one_interval_later() -> None:
    bench, package = await installed()
    await bench.hold(f"{package}/b.dat")
    job = await bench.update(package)
    began = bench.clock.now()
    await bench.pump(2)
    instruction = parse_instruction(await bench.receive.read(f"{job}_R.SNI"))
    retry = await retry_of(bench, job)
    assert (instruction.retries, instruction.execute_at) == (1, began + 24 * 300.0)
    assert (retry.retry_of, retry.first_attempt_at) == (RetryOf.SERVERS, began)
    assert [target.server for target in retry.servers] == ["LOGON1"]
    assert bench.status(job) == "Retrying"
    assert bench.details(job)["Server", "LOGON1"] == "Retrying"
    assert there(bench, package) == {"a.dat": "a, second", "b.dat": "b, first", "c.dat": "c, first"}
    line = (
        r"~Copying D:\_S M0000.TMP\b.dat to \\LOGON1\SMS_PKGD\BPC00001\b.dat, Failed, "
        r"Win32 Error = 32"
    )
    assert line in bench.log("DESPOOLER")  # Q193766


async def test_the_next_retry_after_the_release_completes() -> None:
    bench, package = await installed()
    held = await bench.hold(f"{package}/b.dat")
    job = await bench.update(package)
    await bench.pump(30)
    assert [fact["attempt"] for fact in bench.facts("copy.ended") if fact["job"] == job] == [1, 2]
    await held.close()
    await bench.pump(17)
    assert bench.status(job) == "Retrying", "not before the retry is due"
    await bench.pump(3)
    assert bench.status(job) == "Complete"
    assert there(bench, package)["c.dat"] == "c, second"
    assert [row.state for row in bench.logons["LOGON1"].host.episodes()] == ["resolved"]


async def test_the_last_attempt_is_followed_by_failed_and_the_episode_is_given_up() -> None:
    bench, package = await installed(attempts_max=3)
    await bench.hold(f"{package}/b.dat")
    job = await bench.update(package)
    await bench.pump(3 * 24 + 3)
    assert bench.status(job) == "Failed"
    assert bench.details(job)["Server", "LOGON1"] == "Failed"
    assert [fact["attempt"] for fact in bench.facts("copy.ended") if fact["job"] == job] == [
        1,
        2,
        3,
    ]
    (episode,) = bench.logons["LOGON1"].host.episodes()
    assert (episode.state, episode.attempt_count) == ("given up", 3)
    assert 14 in bench.events()
    assert bench.names("SITE1/SMS_SITE") == []
    assert any("has failed, gave up after 3 retries" in line for line in bench.log("DESPOOLER"))


async def test_the_episode_is_given_up_though_the_despooler_was_started_anew_meanwhile() -> None:
    bench, package = await installed(attempts_max=2, restart_resets_retry_count=False)
    await bench.hold(f"{package}/b.dat")
    await bench.update(package)
    await bench.pump(2)
    bench.reborn()
    await bench.pump(2 * 24 + 2)
    assert [row.state for row in bench.logons["LOGON1"].host.episodes()] == ["given up"]


@pytest.mark.parametrize(
    ("lost", "servers", "status"), [(True, [], "Complete"), (False, ["LOGON2"], "Retrying")]
)
async def test_when_some_servers_failed_the_retry_lists_them_or_nobody(
    lost: bool, servers: list[str], status: str
) -> None:
    bench, package = await installed("1.1", BOTH, partial_retry_list_lost=lost)
    await bench.hold(f"{package}/b.dat", "LOGON2")
    job = await bench.update(package)
    await bench.pump(2)
    assert [target.server for target in (await retry_of(bench, job)).servers] == servers  # Q153576
    await bench.pump(24)
    assert bench.status(job) == status
    assert (13 in bench.events()) is lost
    assert there(bench, package, "LOGON1")["b.dat"] == "b, second"
    assert there(bench, package, "LOGON2")["b.dat"] == "b, first"


async def test_when_all_servers_failed_the_list_is_kept_in_every_version() -> None:
    bench, package = await installed("1.1", BOTH)
    for server in BOTH:
        await bench.hold(f"{package}/b.dat", server)
    job = await bench.update(package)
    await bench.pump(2)
    assert [target.server for target in (await retry_of(bench, job)).servers] == list(BOTH)


@pytest.mark.parametrize(("version", "event"), [("1.0", 108), ("1.1", 108), ("1.2", 109)])
async def test_the_event_of_a_refused_copy_is_the_wrong_one_in_1_2(
    version: str, event: int
) -> None:
    bench, package = await installed(version)
    await bench.hold(f"{package}/b.dat")
    await bench.update(package)
    await bench.pump(1)
    assert bench.events() == [event]  # Q193766


@pytest.mark.parametrize(
    ("free", "size", "numbers"),
    [
        (5 * MEGABYTE + 9, 7 * MEGABYTE, ("5", "7")),
        (3 * MEGABYTE - 1, 3 * MEGABYTE + 1, ("2", "4")),
        (0, 1, ("0", "1")),
    ],
)
async def test_the_numbers_of_109_are_whole_megabytes_that_never_seem_to_be_enough(
    free: int, size: int, numbers: tuple[str, str]
) -> None:
    bench = Bench("1.1")
    store = bench.stores["LOGON1/SMS_PKGD"]
    store.capacity = store.used + free
    await bench.job(await bench.package({"big.dat": "x" * size}))
    await bench.pump(2)
    (event,) = await bench.administrator.events()
    words = "available on that server is {} megabytes, space required is {} megabytes."
    assert words.format(*numbers) in event.text


@pytest.mark.parametrize("version", ["1.1", "1.2"])
async def test_a_full_distribution_server_is_109_in_every_version_and_the_job_goes_on_with_room(
    version: str,
) -> None:
    bench, package = await installed(version)
    job = await bench.update(package, {**NEW_FILES, "d.dat": "x" * 500})
    store = bench.stores["LOGON1/SMS_PKGD"]
    store.capacity = store.used + 100
    await bench.pump(2)
    assert (bench.events(), bench.status(job)) == ([109], "Retrying")
    (event,) = await bench.administrator.events()
    assert "on that server is 0 megabytes, space required is 1 megabytes." in event.text  # Q122178
    assert any(line.endswith("d.dat, Failed, Win32 Error = 112") for line in bench.log("DESPOOLER"))
    store.capacity = None
    await bench.pump(25)
    assert (bench.status(job), there(bench, package)["d.dat"]) == ("Complete", "x" * 500)


async def test_a_server_that_is_down_is_retried_and_the_others_get_theirs() -> None:
    bench, package = await installed("1.2", BOTH)
    bench.down.add("LOGON2")
    job = await bench.update(package)
    await bench.pump(2)
    assert (bench.details(job)["Server", "LOGON1"], bench.details(job)["Server", "LOGON2"]) == (
        "Complete",
        "Retrying",
    )
    bench.down.clear()
    await bench.pump(25)
    assert bench.status(job) == "Complete"


# -- the master copy


async def test_a_package_that_does_not_unpack_fails_its_job_with_event_15_and_no_other() -> None:
    bench, package = await installed()
    job = await bench.update(package)
    await bench.cycle("SCHEDULER")
    await bench.cycle("LAN_SENDER")
    await bench.receive.write(f"{job}.PCK", b"garbage, not a package")
    other = await bench.job(package, "OTHER")
    await bench.pump(3)
    assert [bench.status(j) for j in (job, other)] == ["Failed", "Complete"]
    assert bench.events() == [15]
    assert bench.names("SITE1/SMS_SITE") == []
    assert there(bench, package)["a.dat"] == "a, first"


async def test_without_a_package_file_and_a_master_copy_the_job_fails_with_event_11() -> None:
    bench, package = await installed()
    await bench.root.delete(f"{boxes.STORE}/{package}.PCK")
    job = await bench.job(package, "AGAIN", distribute=DistributePhase((), True))
    await bench.pump(2)
    assert bench.status(job) == "Failed"
    assert bench.events() == [11, 15]
    assert any(
        "Cannot find the package file. we'll fail the job" in line
        for line in bench.log("DESPOOLER")
    )


@pytest.mark.parametrize(("keeps", "left"), [(True, "a, second"), (False, "a, first")])
async def test_a_failed_store_is_retried_and_the_refresh_is_forgotten_or_not(
    keeps: bool, left: str
) -> None:
    bench, package = await installed("1.2", retry_keeps_refresh=keeps)
    held = await bench.root.open(f"{boxes.STORE}/{package}.PCK", Access.READ, ShareMode.READ)
    job = await bench.update(package)
    await bench.pump(2)
    assert (await retry_of(bench, job)).retry_of is RetryOf.STORE
    assert bench.status(job) == "Retrying"
    assert bench.events() == [115, 206]
    await held.close()
    await bench.pump(25)
    assert bench.status(job) == "Complete"
    assert there(bench, package)["a.dat"] == left  # Q195936


async def test_a_full_site_server_is_the_same_failed_store_and_nothing_is_lost() -> None:
    bench, package = await installed("1.2 SP4 + hotfixes")
    job = await bench.update(package, {**NEW_FILES, "d.dat": Random(1).randbytes(20_000).hex()})
    await bench.cycle("SCHEDULER")
    await bench.cycle("LAN_SENDER")
    root = bench.stores["SITE1/SMS_SHRD"]
    root.capacity = root.used + 15_000  # room for reports, not for the master copy
    await bench.pump(1)
    assert f"{job}.PCK" in bench.names("SITE1/SMS_SITE")
    assert bench.events()[:2] == [115, 206]
    root.capacity = None
    await bench.pump(26)
    assert bench.status(job) == "Complete"


async def test_an_older_package_does_not_replace_a_newer_master_copy() -> None:
    bench, package = await installed()
    stored = await bench.root.read(f"{boxes.STORE}/{package}.PCK")
    await bench.update(package, send=SendPhase.EVEN_IF_SENT)
    await bench.pump(2)
    assert await bench.root.read(f"{boxes.STORE}/{package}.PCK") != stored
    assert (
        "[SMS_Despooler\\Master Packages]\r\nBPC00001=2"
        in (await bench.root.read(boxes.REGISTRY)).decode()
    )


async def test_a_server_with_a_long_name_is_counted_like_any_other() -> None:
    name = "A-DISTRIBUTION-SERVER-OF-32-CHAR"
    bench, package = await installed("1.1", (name,), attempts_max=3)
    await bench.hold(f"{package}/b.dat", name)
    job = await bench.update(package)
    await bench.pump(3 * 24 + 3)
    assert (bench.details(job)["Server", name], bench.status(job)) == ("Failed", "Failed")


async def test_a_site_server_that_was_started_anew_knows_who_has_which_package() -> None:
    bench, package = await installed("1.1", BOTH)
    bench.reborn()
    job = await bench.update(package)
    await bench.pump(2)
    assert bench.status(job) == "Complete"
    assert all(there(bench, package, name)["a.dat"] == "a, second" for name in BOTH)


async def test_a_new_directory_takes_turns_and_the_clients_are_pointed_there() -> None:
    bench = Bench("1.1", copy_strategy="new_folder_and_switch")
    await bench.machines(1)
    package = await bench.package()
    await bench.run_job(package)
    await bench.pump(2)
    held = await bench.share("LOGON1", "SMS_PKGD").open(
        f"{package}/b.dat", Access.READ, ShareMode.NONE
    )
    for turn, directory in enumerate((f"{package}.NEW", package)):
        if directory == package:
            await held.close()
        job = await bench.update(
            package, {"a.dat": f"a, {turn}", "b.dat": f"b, {turn}"}, f"UPDATE{turn}"
        )
        await bench.pump(3)
        assert bench.details(job)["Server", "LOGON1"] == "Complete", (
            "a holder of the directory before is in nobody's way"
        )
        assert (
            bench.files("LOGON1/SMS_PKGD", directory)[f"{directory}/b.dat"] == f"b, {turn}".encode()
        )
        file = parse_winst(
            await bench.share("LOGON1", boxes.LOGON_SHARE).read("PCMINS.BOX/BPC00001.INS")
        )
        assert [server.unc for server in file.records[0].servers] == [
            f"\\\\LOGON1\\SMS_PKGD\\{directory}\\"
        ]


async def test_a_command_for_a_package_no_server_has_fails_with_event_13() -> None:
    bench = Bench("1.2")
    await bench.machines(1)
    run = RunPhase("SETUP.EXE")
    spec: dict[str, Any] = {
        "type": JobType.RUN_COMMAND,
        "machines": ("*",),
        "run": run,
        "distribute": DistributePhase(),
    }
    job = await bench.job(await bench.package(), **spec)
    await bench.pump(3)
    assert (bench.status(job), bench.events()) == ("Failed", [13])
    assert bench.details(job)["Completion", ""] == "Failed"


@pytest.mark.parametrize("version", PROFILES)
async def test_only_a_despooler_that_counts_by_two_logs_its_count(version: str) -> None:
    bench, package = await installed(version)
    await bench.hold(f"{package}/b.dat")
    await bench.update(package)
    await bench.pump(30)
    lines = [line for line in bench.log("DESPOOLER") if "We will retry job" in line]
    assert len(lines) == 2
    told = [line.partition("retry count is now ")[2] for line in lines]
    assert told == (["2", "4"] if version in ("1.2 SP1", "1.2 SP2", "1.2 SP3") else ["", ""])
