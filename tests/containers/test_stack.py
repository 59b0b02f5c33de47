"""The stack as users start it: healthy, blocked and unblocked, scaled, killed, stopped; nothing
lost, nothing doubled.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import docker
import msgspec
import pytest

from despoolr.console import run
from despoolr_app.site_client.blocking_client import ask, call
from despoolr_app.site_client.client import ServerAddress
from despoolr_app.site_client.errors import SiteError
from worlds.answer import data_of
from worlds.docker import SCALE_S_MAX, UP_S_MAX, Stack, health, stack, until

CLIENTS = 10
"""Of each replica."""
REPLICAS = 20
STOP_S_MAX = 10.0
LEASE_S = 60
"""A replica renews its lease five times in this, however busy a machine is that starts twenty."""


@pytest.fixture(scope="module")
def here(client: docker.DockerClient, tag: str) -> Iterator[Stack]:
    """One stack for all of them: what one leaves, the next finds, as in life."""
    settings = {
        "DESPOOLR_TIME": "x1000",
        "DESPOOLR_RESPONSE": "Very Fast",
        "DESPOOLR_POLL_EVERY": "1h",
        "DESPOOLR_CLIENTS": str(CLIENTS),
        "DESPOOLR_FLEET_LEASE": f"{LEASE_S}s",
    }
    with stack(client, tag, "stack", **settings) as made:
        began = time.perf_counter()
        made.up()
        assert time.perf_counter() - began < UP_S_MAX
        yield made
    assert made.leftovers() == [], "all is torn down"


def ask_from_host(
    here: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *command: str
) -> Any:
    """A command on the host, against the published ports, as docs/containers.md shows."""
    monkeypatch.setenv(
        "DESPOOLR_URL", " ".join(here.address(name).url for name in ("site", "logon1", "logon2"))
    )
    monkeypatch.setenv("DESPOOLR_TOKEN", here.token())
    code = run([*command, "--json"])
    said = capsys.readouterr()
    assert code == 0, said.err
    return data_of(said.out)


def test_up_gives_a_site_with_two_servers_and_clients_that_all_work(here: Stack) -> None:
    assert {c.labels["com.docker.compose.service"] for c in here.containers()} == {
        "site",
        "logon1",
        "logon2",
        "clients",
    }
    assert {health(c) for c in here.containers()} == {"healthy"}
    slots = here.slots()
    assert (slots["wanted"], slots["live"], slots["exact"]) == (CLIENTS, CLIENTS, True)
    assert "healthy in" in here.run("site", "despoolr", "health")
    assert "healthy in" in here.run(
        "clients", "despoolr", "health", "--url", "http://127.0.0.1:8804"
    )


def test_containers_are_bounded_and_may_do_next_to_nothing(here: Stack) -> None:
    for container in here.containers():
        host = container.attrs["HostConfig"]
        assert (
            host["ReadonlyRootfs"]
            and host["CapDrop"] == ["ALL"]
            and host["SecurityOpt"] == ["no-new-privileges:true"]
        )
        assert 0 < host["Memory"] <= 512 * 2**20 and 0 < host["PidsLimit"] <= 64
        for bindings in (container.ports or {}).values():
            assert {b["HostIp"] for b in bindings or []} <= {"127.0.0.1"}


def test_nobody_gets_in_without_a_token(here: Stack) -> None:
    site = here.address("site")
    with pytest.raises(SiteError, match="does not accept the token"):
        call(type(site)(site.name, site.url, ""), "GET", "/api/v1/jobs")


def test_an_update_waits_for_the_client_that_holds_its_file_and_goes_through_when_it_lets_go(
    here: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Q147819, through containers."""
    administrator = here.administrator()
    package = administrator.make_package("OFFICE", a="a one", b="b one", c="c one")
    run_ = {"command": "SETUP.EXE", "mandatory_after": administrator.now()}
    spec = {
        "name": "FIRST",
        "package": package,
        "machines": ["*"],
        "distribute": {"put_on": ["LOGON1", "LOGON2"]},
        "run": run_,
    }
    first = str(administrator.post("jobs", **spec)["job"])
    until(
        lambda: administrator.job(first)["job"]["status"] == "Complete",
        "the package runs on every client",
    )
    assert Counter(administrator.statuses(first).values()) == {"Complete": CLIENTS}
    assert administrator.statuses(first, "Server") == {"LOGON1": "Complete", "LOGON2": "Complete"}

    path = f"SMS_PKGD/{package}/b.dat"
    holder = here.launch(
        "hold",
        path,
        "--url",
        "http://logon2:8803",
        "--machine",
        "PC00007",
        "--program",
        "WINWORD.EXE",
    )
    until(lambda: b"PC00007 has" in holder.logs(), "the client has the file open")
    administrator.upload("OFFICE", a="a two", b="b two", c="c two")
    update = administrator.update("UPDATE", package)
    until(lambda: administrator.job(update)["job"]["status"] == "Retrying", "the update is refused")
    until(
        lambda: administrator.statuses(update, "Server").get("LOGON1") == "Complete",
        "the server where nobody is in the way",
    )
    assert administrator.statuses(update, "Server")["LOGON2"] == "Retrying"

    held = ask_from_host(here, monkeypatch, capsys, "locks")["locks"]
    assert [(row["machine"], row["program"], row["path"]) for row in held] == [
        ("PC00007", "WINWORD.EXE", f"{package}/b.dat")
    ]
    until(
        lambda: (
            ask_from_host(here, monkeypatch, capsys, "why")["episodes"][0]["attempt_count"] >= 3
        ),
        "it is tried again and again",
    )
    episode = ask_from_host(here, monkeypatch, capsys, "why")["episodes"][0]
    assert episode["state"] == "waiting" and episode["holds"][0]["machine"] == "PC00007"
    assert [j["status"] for j in ask_from_host(here, monkeypatch, capsys, "jobs")["jobs"]] == [
        "Complete",
        "Retrying",
    ]

    holder.stop(timeout=10)
    assert holder.wait()["StatusCode"] == 0, holder.logs().decode()
    until(
        lambda: administrator.job(update)["job"]["status"] == "Complete",
        "the next attempt gets through",
    )
    assert call(here.address("logon2"), "GET", f"/{path}") == b"b two"
    assert ask_from_host(here, monkeypatch, capsys, "why")["episodes"][0]["state"] == "resolved"


def test_twenty_replicas_are_exactly_the_clients_that_were_asked_for(here: Stack) -> None:
    here.up("--no-recreate", clients=REPLICAS)
    until(
        lambda: here.slots().get("live") == REPLICAS * CLIENTS, "all clients are there", SCALE_S_MAX
    )
    slots = here.slots()
    numbers = [
        n
        for fleet in slots["fleets"]
        for n in range(fleet["first"], fleet["first"] + fleet["count"])
    ]
    assert sorted(numbers) == list(range(1, REPLICAS * CLIENTS + 1))
    assert slots["exact"] and len(slots["fleets"]) == REPLICAS


def test_servers_killed_in_mid_run_lose_nothing_and_count_nothing_twice(here: Stack) -> None:
    """A job that two hundred clients run, and an update that waits for one of them: both outlive
    the kill of two servers.
    """
    administrator = here.administrator()
    office = str(ask(administrator.site, "packages/OFFICE", dict)["package"])
    holder = here.launch(
        "hold", f"SMS_PKGD/{office}/b.dat", "--url", "http://logon1:8802", "--machine", "PC00017"
    )
    until(lambda: b"PC00017 has" in holder.logs(), "a client has the file open")
    administrator.upload("OFFICE", a="a three", b="b three", c="c three")
    update = administrator.update("AGAIN", office)
    until(
        lambda: (
            administrator.statuses(update, "Server") == {"LOGON1": "Retrying", "LOGON2": "Complete"}
        ),
        "it is refused",
    )

    package = administrator.make_package("TOOLS", a="a one")
    counted, sent = loaded(here), handed_in(here)
    run_ = {"command": "SETUP.EXE", "mandatory_after": administrator.now()}
    spec = {
        "name": "NIGHT",
        "package": package,
        "machines": ["*"],
        "distribute": {"put_on": ["LOGON1", "LOGON2"]},
        "run": run_,
    }
    job = str(administrator.post("jobs", **spec)["job"])
    until(lambda: "Complete" in administrator.statuses(job).values(), "the first client is done")
    for service in ("logon2", "site"):
        here.container(service).kill()
        assert here.container(service).status == "exited"
        here.container(service).start()
    administrator = here.administrator()  # ports the engine chose may be others after a start
    until(
        lambda: jobs_status(administrator, job) == "Complete",
        "the job completes all the same",
        SCALE_S_MAX,
    )
    statuses = administrator.statuses(job)
    assert len(statuses) == REPLICAS * CLIENTS and set(statuses.values()) == {"Complete"}
    assert handed_in(here) - sent == REPLICAS * CLIENTS, "every client handed in one report"
    assert loaded(here) - counted == REPLICAS * CLIENTS, "each is counted once"

    assert jobs_status(administrator, update) == "Retrying", (
        "the site server knows what it was waiting for"
    )
    logon1 = here.address("logon1")
    before = attempts(logon1, office)
    until(lambda: attempts(logon1, office) > before, "it is tried again after the kill")
    holder.stop(timeout=10)
    until(
        lambda: jobs_status(administrator, update) == "Complete",
        "and gets through when the client lets go",
    )
    for service in ("logon1", "logon2"):
        assert call(here.address(service), "GET", f"/SMS_PKGD/{office}/b.dat") == b"b three"
    assert loaded(here) - counted == REPLICAS * CLIENTS, "an update is nobody's run"

    here.wait_healthy()
    # A site server that was started again has to hear from every fleet once: a lease is renewed
    # every fifth of its time.
    until(
        lambda: here.slots().get("live") == REPLICAS * CLIENTS,
        "every fleet was heard of again",
        LEASE_S,
    )
    slots = here.slots()
    assert (slots["lapsed"], slots["exact"]) == (0, True), "nobody lost its clients over it"


def test_a_replica_that_is_killed_gets_its_own_clients_back(here: Stack) -> None:
    before = {fleet["holder"]: fleet["first"] for fleet in here.slots()["fleets"]}
    killed = here.containers("clients")[0]
    killed.kill()
    killed.start()
    here.wait_healthy()
    until(lambda: here.slots().get("exact"), "its clients are there again")
    assert {fleet["holder"]: fleet["first"] for fleet in here.slots()["fleets"]} == before


def test_scaling_down_gives_clients_back(here: Stack) -> None:
    here.up("--no-recreate", clients=2)
    until(
        lambda: here.slots().get("live") == 2 * CLIENTS,
        "eighteen replicas gave their clients back",
        SCALE_S_MAX,
    )
    slots = here.slots()
    assert slots["exact"] and slots["leased"] == 2 * CLIENTS, slots


@pytest.mark.parametrize("service", ["clients", "logon1", "site"])
def test_sigterm_ends_a_container_cleanly_within_its_grace(here: Stack, service: str) -> None:
    container = here.containers(service)[0]
    began = time.perf_counter()
    container.stop(timeout=15)
    assert time.perf_counter() - began < STOP_S_MAX
    container.reload()
    wanted = 143 if service == "clients" else 0  # a fleet whose time was not up has not finished
    assert container.attrs["State"]["ExitCode"] == wanted, container.logs(tail=20).decode()
    container.start()
    here.wait_healthy()
    if service != "clients":
        state = msgspec.json.decode(here.run(service, "cat", "/data/state.json"))
        assert state["starts"] >= 2 and state["stopped"] is None
        left = here.run(service, "find", "/data", "-name", "*.tmp", "-o", "-name", "*.TMP").split()
        assert left == [], "no box holds half a file"


def jobs_status(administrator: Any, job: str) -> str:
    try:
        return str(administrator.job(job)["job"]["status"])
    except SiteError:
        return ""


def attempts(server: ServerAddress, package: str) -> int:
    """How often the newest update of a package was refused on a server."""
    episodes = ask(server, f"episodes?path={package}/b.dat", dict)["episodes"]
    return int(episodes[-1]["attempt_count"]) if episodes else 0


def handed_in(here: Stack) -> int:
    """How many reports all fleets say that they handed in. Asked from the host, at each container's
    own address.
    """
    total, token = 0.0, here.token()
    for container in here.containers("clients"):
        (network,) = container.attrs["NetworkSettings"]["Networks"].values()
        text = call(
            ServerAddress("fleet", f"http://{network['IPAddress']}:8804", token), "GET", "/metrics"
        ).decode()
        total += next(
            float(line.split()[1])
            for line in text.splitlines()
            if line.startswith("despoolr_fleet_reports_total ")
        )
    return int(total)


def loaded(here: Stack) -> int:
    """How many reports of clients' runs the site has counted (docs/decisions/0009: their ids have
    no slash).
    """
    query = (
        "import sqlite3; db = sqlite3.connect('file:/data/BPC.db?mode=ro', uri=True); "
        "print(sum('/' not in row[0] for row in db.execute('SELECT Report FROM LoadedReports')))"
    )
    return int(here.run("site", "python", "-c", query))
