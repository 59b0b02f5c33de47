"""A stack of real containers for tests: an engine (started if none runs), our images,
`docker-compose.yml` as users have it.

Compose is asked through its command line, because that is what users type; containers through the
engine's API. Whatever a stack made is gone when its test is over.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container

from despoolr_app.site_client.blocking_client import ask
from despoolr_app.site_client.client import ServerAddress
from despoolr_app.site_client.errors import SiteError
from worlds.process import Administrator, Done
from worlds.process import until as until_so
from worlds.support import REPOSITORY, SHARED

PORTS = {
    "site": 8801,
    "logon1": 8802,
    "logon2": 8803,
    "parent": 8811,
    "prometheus": 9090,
    "grafana": 3000,
}
UP_S_MAX = 120.0
"""Seconds until a stack is healthy, beside two others: alone it needs 25."""
SCALE_S_MAX = 180.0
"""Seconds until twenty replicas more are, on two cores."""
LABEL = "com.docker.compose.project"
until = partial(until_so, step_s=0.2)
"""As of processes, with ten times the patience: a look at a stack asks the engine of each of its
containers, and the processors are wanted inside those.
"""


def engine_runs() -> bool:
    """Whether an engine answers.

    The command is asked, not the client: its socket to an engine that does not answer is never
    closed, and the warning about that is raised in whichever test runs when the collector finds it.
    """
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=60).returncode == 0
    except FileNotFoundError:
        return False


def engine() -> docker.DockerClient:
    """The engine of this machine. Starts one where none runs; fails where none can be had."""
    if not engine_runs():
        starter = SHARED / "start-docker-engine"
        assert starter.exists(), f"no Docker engine runs, and {starter} is not there to start one"
        done = subprocess.run([starter], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, (
            f"no Docker engine runs, and none could be started:\n{done.stdout}{done.stderr}"
        )
    client = docker.from_env()
    client.ping()
    return client


@cache
def compose_command() -> tuple[str, ...]:
    """`docker compose` where it is installed, else `docker-compose`."""
    for command in (("docker", "compose"), ("docker-compose",)):
        try:
            if subprocess.run([*command, "version"], capture_output=True).returncode == 0:
                return command
        except FileNotFoundError:
            continue
    raise AssertionError("neither `docker compose` nor `docker-compose` is installed")


def environment(**settings: str) -> dict[str, str]:
    """This machine's, with no setting but those given."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DESPOOLR_", "COMPOSE_"))
    }
    # The engine that Debian has knows no BuildKit; a newer one does not mind.
    return kept | {"DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "0"} | settings


@dataclass
class Stack:
    """`docker-compose.yml` under a project name of its own."""

    client: docker.DockerClient
    project: str
    settings: dict[str, str]
    profiles: tuple[str, ...] = ()
    replicas: int = 1
    extra: list[Container] = field(default_factory=list)
    _token: str = ""

    def compose(self, *arguments: str, check: bool = True) -> Done:
        profiles = [word for profile in self.profiles for word in ("--profile", profile)]
        done = subprocess.run(
            [*compose_command(), "-p", self.project, *profiles, *arguments],
            cwd=REPOSITORY,
            env=environment(**self.settings),
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert not check or done.returncode == 0, (
            f"{arguments}:\n{done.stdout}{done.stderr}\n{self.logs()}"
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def up(self, *arguments: str, clients: int = 1) -> None:
        """Start, and wait until all are healthy (what `docker compose up --wait` does)."""
        self.replicas = clients
        self.compose("up", "-d", "--scale", f"clients={clients}", *arguments)
        self.wait_healthy()

    def wait_healthy(self, deadline_s: float = SCALE_S_MAX) -> None:
        def are_healthy() -> bool:
            found = self.containers()
            ended = [c.name for c in found if c.status == "exited"]
            assert not ended, f"{ended} ended:\n{self.logs()}"
            return (
                all(health(c) in ("healthy", "none") for c in found)
                and len(self.containers("clients")) == self.replicas
            )

        try:
            until(are_healthy, f"{self.project} is healthy", deadline_s)
        except AssertionError as error:
            states = {c.name: (c.status, health(c)) for c in self.containers()}
            raise AssertionError(f"{error}\n{states}\n{self.logs()}") from None

    def containers(self, service: str = "") -> list[Container]:
        """Those of the stack, or of one service."""
        wanted = [f"{LABEL}={self.project}"] + (
            [f"com.docker.compose.service={service}"] if service else []
        )
        found: list[Container] = self.client.containers.list(
            all=True, filters={"label": wanted}, ignore_removed=True
        )
        return found

    def container(self, service: str) -> Container:
        (found,) = self.containers(service)
        return found

    def run(self, service: str, *command: str) -> str:
        """What a command in a container prints."""
        code, output = self.container(service).exec_run(list(command))
        assert code == 0, (service, command, output.decode())
        return str(output.decode())

    def address(self, service: str) -> ServerAddress:
        """A server as the host reaches it."""
        container = self.container(service)
        container.reload()
        port = container.ports[f"{PORTS[service]}/tcp"][0]
        assert port["HostIp"] == "127.0.0.1", "published on loopback only"
        return ServerAddress(service, f"http://127.0.0.1:{port['HostPort']}", self.token())

    def token(self) -> str:
        """The administrator's. A busy engine may lose what a command says: it is asked again."""
        if not self._token:
            words = ("cat", "/data/admin.token")
            self._token = until(lambda: self.run("logon1", *words).strip(), "a token is read")
        return self._token

    def administrator(self) -> Administrator:
        return Administrator(self.address("site"))

    def slots(self) -> Any:
        try:
            return ask(self.address("site"), "slots", dict)
        except (SiteError, AssertionError):
            return {"exact": False}

    def launch(self, *command: str, image: str = "despoolr-client", **kwargs: Any) -> Container:
        """One more container of ours in the stack's network, with its secret."""
        made = self.client.containers.run(
            f"{image}:{self.settings['DESPOOLR_TAG']}",
            list(command),
            detach=True,
            network=f"{self.project}_default",
            volumes={f"{self.project}_common": {"bind": "/common", "mode": "ro"}},
            read_only=True,
            labels={LABEL: f"{self.project}-extra"},
            **kwargs,
        )
        self.extra.append(made)
        return made

    def logs(self) -> str:
        """The last lines of every container."""
        return "\n".join(
            f"--- {c.name} ({c.status})\n{c.logs(tail=15).decode(errors='replace')}"
            for c in self.containers()
        )

    def down(self) -> None:
        for container in self.extra:
            container.remove(force=True, v=True)
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "10")

    def leftovers(self) -> list[str]:
        """Names of containers, volumes and networks the stack still has."""
        wanted = {"label": f"{LABEL}={self.project}"}
        return [
            *(c.name for c in self.client.containers.list(all=True, filters=wanted)),
            *(v.name for v in self.client.volumes.list(filters=wanted)),
            *(n.name for n in self.client.networks.list(filters=wanted)),
        ]


def health(container: Container) -> str:
    """`healthy`, `starting`, `unhealthy`; `none` for one that has no check."""
    state = container.attrs["State"]
    if state["Status"] != "running":
        return str(state["Status"])
    return str(state.get("Health", {}).get("Status", "none"))


@contextmanager
def stack(
    client: docker.DockerClient, tag: str, name: str, profiles: Sequence[str] = (), **settings: str
) -> Iterator[Stack]:
    """A stack that is not up yet, and is gone afterwards."""
    ports = {f"DESPOOLR_{service.upper()}_PORT": "0" for service in PORTS}
    made = Stack(
        client,
        f"despoolr-test-{name}-{os.getpid()}",
        {"DESPOOLR_TAG": tag, **ports, **settings},
        tuple(profiles),
    )
    try:
        yield made
    finally:
        made.down()


def build(client: docker.DockerClient, tag: str) -> None:
    """Our two images, as `docker-compose build` makes them."""
    made = Stack(client, "despoolr-test", {"DESPOOLR_TAG": tag})
    made.compose("build")


def networks_to_lose(client: docker.DockerClient) -> list[str]:
    """Networks of others that leaving the swarm would take away, with all who are on them.

    An engine that leaves a swarm removes every network that is attachable, local ones too, and
    Compose 1.29 makes such: a stack that somebody runs beside these tests would be cut off. Then
    the engine stays a swarm of one, which is in nobody's way.
    """
    found = client.networks.list(filters={"driver": "bridge"}, greedy=True)
    return [
        str(network.name)
        for network in found
        if network.attrs["Attachable"] and network.attrs["Containers"]
    ]


def leave_swarm() -> None:
    """Make the engine what it was before it became a swarm, unless somebody would lose by it."""
    client = docker.from_env()
    try:
        if not networks_to_lose(client):
            client.swarm.leave(force=True)
    finally:
        client.close()


def read_env_example() -> dict[str, str]:
    """Every setting of `.env.example`, and the value it shows."""
    lines = (
        line.lstrip("#").strip()
        for line in Path(REPOSITORY, ".env.example").read_text().splitlines()
    )
    return dict(line.split("=", 1) for line in lines if line.startswith("DESPOOLR_"))
