"""Fleets and the numbers they have from a site server: none twice, none missing, whoever is paused,
cut off or killed.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from despoolr_app.site_client.blocking_client import call
from despoolr_app.site_client.client import ServerAddress
from despoolr_app.site_client.errors import SiteError
from despoolr_core.share.modes import Role
from despoolr_lab.soak.links import CuttableLink
from despoolr_server.http.base.auth import Auth
from worlds.answer import data_of
from worlds.process import SERVE_ALL, Process, Workshop, until
from worlds.support import REPOSITORY, free_port

pytestmark = pytest.mark.long

SERVE = (*SERVE_ALL, "--time", "x1000", "--common", "common")
READY = "first poll of all"
LEASE = ("--fleet-lease", "6s")
"""The holder stops by itself after 4 s, the site gives numbers away after 6."""


def fleet(workshop: Workshop, holder: str, *more: str, ready: str = READY) -> Process:
    arguments = (
        "fleet",
        "--lease",
        "--holder",
        holder,
        "--clients",
        "10",
        "--poll-every",
        "1h",
        *more,
    )
    return workshop.start(*arguments, ready=ready)


def page_of(process: Process) -> str:
    found = re.search(r"health and metrics on (http://\S+)", process.said)
    assert found, process.said
    return found[1]


def test_fleets_share_the_clients_out_and_a_restarted_one_gets_its_own_back(
    workshop: Workshop,
) -> None:
    workshop.start(*SERVE)
    first = fleet(workshop, "one")
    second = fleet(workshop, "two", "--listen", "127.0.0.1:0")
    assert (
        "10 clients from number 1 on" in first.said
        and "10 clients from number 11 on" in second.said
    )
    facts = workshop.json("clients", "--within", "90s", "--expect", "20")
    assert [(f["holder"], f["first"], f["live"]) for f in facts["fleets"]] == [
        ("one", 1, 10),
        ("two", 11, 10),
    ]
    assert workshop.run("clients", "--expect", "21").returncode == 12

    page = ServerAddress("two", page_of(second), "")
    health = json.loads(call(page, "GET", "/healthz"))
    assert (health["fleet"], health["status"], health["live"]) == ("two", "ok", 10)
    token = workshop.servers()["SITE1"].token
    done = workshop.run("health", "--url", page.url, "--token", token)
    assert done.returncode == 0 and "healthy in" in done.stdout, done

    first.kill()
    assert "10 clients from number 1 on" in fleet(workshop, "one").said
    assert second.terminate()[0] == 143
    assert [
        f["holder"] for f in workshop.json("clients", "--expect", "10", "--within", "90s")["fleets"]
    ] == ["one"]


def test_a_fleet_too_many_stands_by_and_takes_over(workshop: Workshop) -> None:
    workshop.serve_apart("--clients-wanted", "10")
    first = fleet(workshop, "one")
    second = fleet(workshop, "two", "--listen", "127.0.0.1:0", ready="standing by")
    health = json.loads(call(ServerAddress("two", page_of(second), ""), "GET", "/healthz"))
    assert (health["status"], health["wanted"]) == ("standing by", 0)
    assert workshop.run("health", "--url", page_of(second)).returncode == 0
    assert first.terminate()[0] == 143
    second.wait_for("10 clients from number 1 on")
    assert workshop.json("clients", "--within", "90s")["exact"]
    assert second.terminate()[0] == 143


def health_of(process: Process) -> dict[str, Any]:
    health: dict[str, Any] = json.loads(
        call(ServerAddress("", page_of(process), ""), "GET", "/healthz")
    )
    return health


def separate(workshop: Workshop, *more: str) -> Process:
    """A logon server and a site server, each a process of its own, for ten clients; the site
    server.
    """
    return workshop.serve_apart("--clients-wanted", "10", *LEASE, *more)


@contextmanager
def linked(url: str) -> Iterator[tuple[CuttableLink, Any]]:
    """A link to a server that can be cut: `do(link.cut, "silence")`, `do(link.mend)`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    link = CuttableLink("link", int(url.rpartition(":")[2]))

    async def act(what: Any, *words: Any) -> None:
        what(*words)

    try:
        asyncio.run_coroutine_threadsafe(link.start(), loop).result()
        yield (
            link,
            lambda what, *words: asyncio.run_coroutine_threadsafe(act(what, *words), loop).result(),
        )
    finally:
        asyncio.run_coroutine_threadsafe(link.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_lease_that_the_site_does_not_know_is_asked_for_anew_and_the_fleet_lives_on(
    workshop: Workshop,
) -> None:
    workshop.start(*SERVE)
    process = fleet(workshop, "one")
    call(workshop.servers()["SITE1"], "DELETE", "/api/v1/slots/one")
    process.wait_for("they are this fleet's again")
    assert workshop.json("clients", "--expect", "10", "--within", "90s")["lapsed"] == 0
    assert process.process.poll() is None


def test_a_fleet_cut_off_from_its_site_server_alone_stops_its_clients_before_another_gets_them(
    workshop: Workshop,
) -> None:
    separate(workshop)
    site = workshop.servers()["SITE1"]
    with linked(site.url) as (link, do):
        away = ("--site", link.url, "--token", site.token, "--listen", "127.0.0.1:0")
        first = fleet(workshop, "one", *away)
        second = fleet(workshop, "two", "--listen", "127.0.0.1:0", ready="standing by")
        assert (health_of(first)["live"], health_of(second)["live"]) == (10, 0)
        do(link.cut, "silence")
        sums: list[int] = []

        def has_moved() -> bool:
            later, sooner = health_of(second)["live"], health_of(first)["live"]
            sums.append(later + sooner)
            return bool(later)

        until(has_moved, "the other takes over")
        assert max(sums) == 10, "no client exists twice at any time"
        assert "were not renewed for 4 s" in first.said and health_of(first)["status"] == "stopped"
        do(link.mend)
        first.wait_for("standing by")
        assert workshop.json("clients", "--within", "90s")["lapsed"] == 1, (
            "exact now, and what was is told beside it"
        )
        assert second.terminate()[0] == 143
        until(lambda: health_of(first)["live"] == 10, "it goes on when there are clients again")
        assert first.process.poll() is None


def test_a_fleet_that_was_paused_past_its_lease_finds_that_out_before_it_acts(
    workshop: Workshop,
) -> None:
    separate(workshop)
    first = fleet(workshop, "one", "--listen", "127.0.0.1:0", "--records", "one.jsonl")
    second = fleet(workshop, "two", ready="standing by")
    first.process.send_signal(signal.SIGSTOP)
    second.wait_for("10 clients from number 1 on")
    first.process.send_signal(signal.SIGCONT)
    seen: list[int] = []

    def stands_by() -> bool:
        seen.append(health_of(first)["live"])
        return "standing by" in first.said

    until(stands_by, "it stands by")
    assert set(seen) == {0}, "its clients were gone at the first look"
    assert [f["holder"] for f in workshop.json("clients", "--within", "90s")["fleets"]] == ["two"]


def test_after_a_pause_of_the_site_every_fleet_goes_on_with_its_own_clients(
    workshop: Workshop,
) -> None:
    site = separate(workshop)
    fleets = [fleet(workshop, holder, "--clients", "5") for holder in ("one", "two")]
    before = workshop.json("clients", "--within", "90s")["fleets"]
    site.process.send_signal(signal.SIGSTOP)
    paused_at = time.perf_counter()
    for process in fleets:
        process.wait_for("were not renewed for 4 s")
    until(lambda: time.perf_counter() - paused_at > 8.0, "longer than a lease")
    site.process.send_signal(signal.SIGCONT)
    for process in fleets:
        process.wait_for("polling again")
    after = workshop.json("clients", "--within", "90s")
    assert after["exact"] and after["fleets"] == before and after["lapsed"] == 2
    assert all(process.process.poll() is None for process in fleets)


def test_the_clients_of_serve_all_are_counted_and_nobody_replaces_them(workshop: Workshop) -> None:
    workshop.start(*SERVE, "--clients", "20")
    counted = workshop.json("clients", "--within", "90s")
    assert [(f["holder"], f["first"], f["live"]) for f in counted["fleets"]] == [
        ("serve-all", 1, 20)
    ] and counted["exact"]
    for more in (("--prefix", "QX"), ("--first", "20"), ("--holder", "x")):
        refused = workshop.run("fleet", "--clients", "5", "--for", "1h", *more)
        assert (
            refused.returncode == 2 and "Clients 1 to 20 are run by serve-all" in refused.stderr
        ), refused
        assert "--first 21, or --lease" in refused.stderr and len(refused.stderr.splitlines()) == 1
    beside = workshop.run("fleet", "--clients", "5", "--lease", "--for", "1h", "--prefix", "QX")
    assert beside.returncode == 0 and "5 clients from number 21 on" in beside.stderr, beside
    machines = {row["machine"] for row in workshop.json("machines")["machines"]}
    assert machines == {*(f"PC{n:05}" for n in range(1, 21)), *(f"QX{n:05}" for n in range(21, 26))}


def test_numbers_of_machines_that_are_off_keep_their_names(workshop: Workshop) -> None:
    workshop.start(*SERVE)
    assert workshop.run("fleet", "--clients", "3", "--for", "1h").returncode == 0
    refused = workshop.run("fleet", "--clients", "2", "--prefix", "QX", "--for", "1h")
    assert (
        refused.returncode == 2
        and "Numbers 1 to 3 are machines of other names, which would be replaced" in refused.stderr
    )
    assert (
        workshop.run(
            "fleet", "--clients", "2", "--prefix", "QX", "--lease", "--for", "1h"
        ).returncode
        == 0
    )
    assert workshop.run("fleet", "--clients", "3", "--for", "1h").returncode == 0, (
        "the same machines start up again"
    )
    machines = [row["machine"] for row in workshop.json("machines")["machines"]]
    assert machines == ["PC00001", "PC00002", "PC00003", "QX00004", "QX00005"]


def test_two_prefixes_do_not_make_two_machines_of_one_name(workshop: Workshop) -> None:
    workshop.start(*SERVE)
    assert (
        workshop.run("fleet", "--clients", "2", "--first", "100001", "--for", "1h").returncode == 0
    )
    refused = workshop.run("fleet", "--clients", "2", "--prefix", "PC1", "--for", "1h")
    assert (
        refused.returncode == 2 and "Numbers 1 to 2 are machines of other names" in refused.stderr
    ), refused
    assert (
        workshop.run(
            "fleet", "--clients", "2", "--prefix", "PC1", "--lease", "--for", "1h"
        ).returncode
        == 0
    )
    machines = [row["machine"] for row in workshop.json("machines")["machines"]]
    assert machines == ["PC100001", "PC100002", "PC100003", "PC100004"]


@pytest.mark.parametrize("holder", [".", ".."])
def test_a_holder_is_named_by_what_an_address_can_carry(workshop: Workshop, holder: str) -> None:
    refused = workshop.run(
        "fleet", "--lease", "--holder", holder, "--site", "http://127.0.0.1:1", "--token", "t"
    )
    assert refused.returncode == 2 and "is not a name for a holder" in refused.stderr, refused


def test_a_second_process_of_a_fleets_name_is_refused_while_the_first_lives(
    workshop: Workshop,
) -> None:
    workshop.start(*SERVE, *LEASE)
    first = fleet(workshop, "one")
    second = workshop.run("fleet", "--lease", "--holder", "one", "--clients", "10")
    assert (
        second.returncode == 2 and "A fleet named one runs clients 1 to 10 already" in second.stderr
    ), second
    assert first.process.poll() is None
    first.kill()
    assert "10 clients from number 1 on" in fleet(workshop, "one").said


def test_a_fleet_ends_with_0_only_when_its_time_is_up(workshop: Workshop) -> None:
    workshop.start(*SERVE)
    assert workshop.run("fleet", "--clients", "2", "--for", "1h").returncode == 0
    assert fleet(workshop, "one").terminate()[0] == 143
    interrupted = fleet(workshop, "one")
    interrupted.process.send_signal(signal.SIGINT)
    assert interrupted.process.wait(60) == 130


def test_a_fleet_whose_clients_were_stopped_meanwhile_ends_its_time_with_12(
    workshop: Workshop,
) -> None:
    workshop.start(*SERVE, *LEASE)
    process = fleet(workshop, "one", "--for", "4h")
    process.process.send_signal(signal.SIGSTOP)
    until(lambda: data_of(workshop.run("clients", "--json").stdout)["lapsed"], "its lease runs out")
    process.process.send_signal(signal.SIGCONT)
    assert process.process.wait(60) == 12
    assert "the clients were lost once; the run is invalid" in process.said


def test_a_fleet_that_waits_for_its_site_ends_when_it_is_told_to(workshop: Workshop) -> None:
    process = workshop.start(
        "fleet", "--site", "http://127.0.0.1:9", "--token", "x", ready="waiting for"
    )
    assert process.terminate()[0] == 143


def test_metrics_of_a_fleet_need_a_token_that_the_secret_signed(workshop: Workshop) -> None:
    workshop.start(*SERVE)
    secret = (workshop.path / "common" / "secret").read_bytes().strip()
    (workshop.path / "secret").write_bytes(secret)
    process = workshop.start(
        *("fleet", "--clients", "3", "--listen", "127.0.0.1:0"),
        ready=READY,
        environment={"DESPOOLR_SECRET_FILE": "secret"},
    )
    page = page_of(process)
    token = Auth(secret).issue("PROMETHEUS", "", Role.CLIENT)
    assert b"despoolr_fleet_clients 3.0" in call(ServerAddress("", page, token), "GET", "/metrics")
    until(
        lambda: b'result="unchanged"' in call(ServerAddress("", page, token), "GET", "/metrics"),
        "polls are counted",
    )
    assert workshop.run("health", "--url", page, "--token", "wrong").returncode == 1
    with pytest.raises(SiteError, match="401"):
        call(ServerAddress("", page, ""), "GET", "/metrics")


PROBE = REPOSITORY / "app" / "probe.sh"
PROBE_S_MAX = 0.015
"""Seconds of a processor: 20 fleets that are asked every 15 s cost 2 % of a core at 0.015 s each.
0.003 were seen.
"""


def probe(url: str) -> int:
    """The exit code of the container's health check."""
    bare = {"PATH": "/usr/bin:/bin", "DESPOOLR_LISTEN": url.removeprefix("http://")}
    return subprocess.run(["bash", PROBE], env=bare, capture_output=True, check=False).returncode


def test_a_fleet_is_ready_when_its_clients_are_there_and_reach_a_logon_server(
    workshop: Workshop,
) -> None:
    site = separate(workshop)
    logon = workshop.processes[0]
    ready = fleet(workshop, "one", "--listen", "127.0.0.1:0")
    url = page_of(ready)
    assert call(ServerAddress("", url, ""), "GET", "/ready") == b"ok\n"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert [probe(url) for _ in range(10)] == [0] * 10
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 10 < PROBE_S_MAX
    ready.process.send_signal(signal.SIGSTOP)
    assert probe(url) == 1, "a process that is paused takes connections and answers nothing"
    ready.process.send_signal(signal.SIGCONT)
    until(lambda: probe(url) == 0, "it is ready again")
    second = fleet(workshop, "two", "--listen", "127.0.0.1:0", ready="standing by")
    logon.kill()
    assert probe(url) == 1
    assert probe(page_of(second)) == 0, "one that stands by is as it should be"
    with pytest.raises(SiteError):
        call(ServerAddress("", url, ""), "GET", "/ready")
    assert site.process.poll() is None
    ready.kill()
    assert probe(url) == 1, "nobody listens"


def test_a_server_is_ready_when_it_does_its_work_and_asking_it_costs_little(
    workshop: Workshop,
) -> None:
    server = workshop.start(*SERVE, "--data", "data")
    data = {"PATH": "/usr/bin:/bin", "DESPOOLR_DATA": str(workshop.path / "data")}

    def asked() -> int:
        return subprocess.run(["bash", PROBE], env=data, capture_output=True).returncode

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert [asked() for _ in range(10)] == [0] * 10
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # of the site server and of the logon server
    assert (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 10 < PROBE_S_MAX
    server.process.send_signal(signal.SIGSTOP)
    assert asked() == 1, "a process that is paused takes connections and answers nothing"
    server.process.send_signal(signal.SIGCONT)
    until(lambda: asked() == 0, "it is ready again")
    server.kill()
    assert asked() == 1, "it is listed, and nobody listens"
    assert subprocess.run(["bash", PROBE], env={"PATH": "/usr/bin:/bin"}).returncode == 1


def test_a_fleet_listens_beyond_loopback_only_with_a_secret(workshop: Workshop) -> None:
    done = workshop.run(
        "fleet", "--site", "http://127.0.0.1:9", "--token", "x", "--listen", "0.0.0.0:0"
    )
    assert (
        done.returncode == 2
        and "refusing to listen on 0.0.0.0 without a configured secret" in done.stderr
    )


def test_a_file_that_its_server_closed_was_not_held_until_the_end(workshop: Workshop) -> None:
    workshop.start(*SERVE)
    server = workshop.servers()["LOGON1"]
    call(server, "PUT", "/SMS_PKGD/c.dat", b"one")
    holder = workshop.start("hold", "SMS_PKGD/c.dat", ready="WS1 has")
    call(server, "DELETE", f"/api/v1/opens/{workshop.json('locks')['locks'][0]['open']}")
    code, said = holder.terminate()[0], holder.said.splitlines()
    assert code == 2 and len(said) == 2 and "handle O1 is closed" in said[-1], said


def test_a_file_is_held_until_the_holder_is_told_to_stop(workshop: Workshop) -> None:
    workshop.start(*SERVE)
    call(workshop.servers()["LOGON1"], "PUT", "/SMS_PKGD/b.dat", b"one")
    holder = workshop.start("hold", "//LOGON1/SMS_PKGD/b.dat", "--machine", "WS7", ready="WS7 has")
    held = workshop.json("locks")["locks"]
    assert [(row["machine"], row["program"], row["access"]) for row in held] == [
        ("WS7", "WINWORD.EXE", "READ")
    ]
    refused = workshop.run("hold", "SMS_PKGD/b.dat", "--access", "WRITE", "--for", "1s")
    assert (
        refused.returncode == 2
        and "WINWORD.EXE on WS7" in refused.stderr
        and len(refused.stderr.splitlines()) == 1
    )
    assert holder.terminate()[0] == 0
    assert workshop.json("locks")["locks"] == []


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("b.dat", "names no file on a share"),
        ("NOSUCH/b.dat", "has the share NOSUCH"),
        ("//SRV9/SMS_PKGD/b", "is SRV9"),
    ],
)
def test_what_is_no_file_on_a_share_cannot_be_held(
    workshop: Workshop, file: str, says: str
) -> None:
    workshop.start(*SERVE)
    done = workshop.run("hold", file)
    assert done.returncode == 2 and says in done.stderr, done


def test_fifty_thousand_clients_fit_in_one_process_and_ask_both_logon_servers_alike(
    workshop: Workshop,
) -> None:
    """250 MB is the bound that was promised; 85 were seen."""
    ports = {name: free_port() for name in ("LOGON1", "LOGON2")}
    for name, port in ports.items():
        clock = () if name == "LOGON1" else ("--clock", f"http://127.0.0.1:{ports['LOGON1']}")
        listen = ("--listen", f"127.0.0.1:{port}", "--data", name)
        workshop.start("serve", "logon", "--name", name, *listen, "--common", "common", *clock)
    logons = [
        word
        for name, port in ports.items()
        for word in ("--logon", f"{name}=http://127.0.0.1:{port},distribution")
    ]
    site = ("serve", "site", "--listen", "127.0.0.1:0", "--data", "site", "--common", "common")
    workshop.start(*site, *logons, "--clock", f"http://127.0.0.1:{ports['LOGON1']}")
    many = workshop.start(
        "fleet", "--clients", "50000", "--poll-every", "5m", "--for", "6s", "--json", ready=READY
    )
    highest = 0

    def is_over() -> bool:
        nonlocal highest
        seen = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{many.process.pid}/status").read_text())
        highest = max(highest, int(seen[1]) if seen else 0)
        return many.process.poll() is not None

    until(is_over, "the fleet's time is over")
    done = data_of(many.said[many.said.index("{") :])
    assert done["clients"] == 50_000 and done["failed"] == 0
    assert 800 <= done["polls"] <= 1200, "a fiftieth of the interval, a fiftieth of the clients"
    assert 40_000 < highest < 250_000, "kB"
    asked = [
        json.loads(call(ServerAddress(n, f"http://127.0.0.1:{p}", ""), "GET", "/healthz"))[
            "requests"
        ]
        for n, p in ports.items()
    ]
    assert min(asked) > 0.8 * max(asked)
