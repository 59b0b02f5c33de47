"""`docker stack deploy` on a swarm of one node: the same images, found by name, the secret from the
swarm.
"""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
import yaml

from worlds.docker import SCALE_S_MAX, environment, networks_to_lose, until
from worlds.support import REPOSITORY

NAME = "despoolr-test-swarm"
STACK = REPOSITORY / "deploy/swarm/stack.yml"


def command(*words: str, **settings: str) -> str:
    done = subprocess.run(
        ["docker", *words], capture_output=True, text=True, env=environment(**settings), timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


LABEL = f"com.docker.stack.namespace={NAME}"


@pytest.fixture
def swarm(a_swarm: docker.DockerClient, tag: str) -> Iterator[docker.DockerClient]:
    """The engine as a swarm, with the stack on it."""
    client = a_swarm
    (node,) = client.nodes.list(filters={"id": client.info()["Swarm"]["NodeID"]})
    spec = node.attrs["Spec"]
    node.update(
        {**spec, "Labels": {f"despoolr.{name}": "yes" for name in ("site", "logon1", "logon2")}}
    )
    secret = client.secrets.create(name="despoolr_secret", data=secrets.token_urlsafe(32).encode())
    settings = {
        "DESPOOLR_TAG": tag,
        "DESPOOLR_TIME": "x1000",
        "DESPOOLR_RESPONSE": "Very Fast",
        "DESPOOLR_CLIENTS": "10",
    }
    try:
        command(
            "stack",
            "deploy",
            "--resolve-image",
            "never",
            "--compose-file",
            str(STACK),
            NAME,
            **settings,
        )
        yield client
    finally:
        command("stack", "rm", NAME)
        until_told(
            client,
            lambda: (
                not client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)
            ),
            "its containers are gone",
        )
        until_told(client, lambda: _removed(client), "its volumes are gone")
        secret.remove()
        node.reload()
        node.update({**node.attrs["Spec"], "Labels": spec.get("Labels") or {}})


def _removed(client: docker.DockerClient) -> bool:
    try:
        for volume in client.volumes.list(filters={"label": LABEL}):
            volume.remove(force=True)
    except docker.errors.APIError:
        return False
    return True


def until_told(client: docker.DockerClient, condition: Callable[[], Any], what: str) -> Any:
    """`until`, and what the swarm says of every task if it does not come true."""
    try:
        return until(condition, what, SCALE_S_MAX)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{story(client)}") from None


def story(client: docker.DockerClient) -> str:
    """Which clients the site knows, every task there was, and what it said last."""
    tasks = [
        "stack",
        "ps",
        "--no-trunc",
        "--format",
        "{{.Name}} {{.DesiredState}} {{.CurrentState}} {{.Error}}",
        NAME,
    ]
    logs = [
        ["service", "logs", "--raw", "--tail", "8", f"{NAME}_{name}"]
        for name in ("site", "logon1", "logon2", "clients")
    ]
    said = [
        subprocess.run(["docker", *words], capture_output=True, text=True, timeout=60)
        for words in (tasks, *logs)
    ]
    return "\n---\n".join(
        [
            run(client, "site", "despoolr", "clients")[1],
            *(done.stdout + done.stderr for done in said),
        ]
    )


def run(client: docker.DockerClient, service: str, *words: str) -> tuple[int, str]:
    """A command in a container of a service: its exit code and what it said; 1 while there is no
    container.
    """
    for container in client.containers.list(
        filters={"label": f"com.docker.swarm.service.name={NAME}_{service}"}, ignore_removed=True
    ):
        try:
            code, output = container.exec_run(list(words))
            return code, output.decode()
        except docker.errors.APIError as error:  # it ended meanwhile
            return 1, str(error)
    return 1, f"{service} has no container"


def clients_are(client: docker.DockerClient, count: int) -> bool:
    """Whether exactly so many clients exist. The question waits for them a while itself: each one
    is a Python to start.
    """
    return (
        run(client, "site", "despoolr", "clients", "--expect", str(count), "--within", "10s")[0]
        == 0
    )


def is_healthy(client: docker.DockerClient, service: str) -> bool:
    return run(client, service, "despoolr", "health")[0] == 0


def test_a_stack_on_a_swarm_has_its_servers_and_exactly_its_clients(
    swarm: docker.DockerClient,
) -> None:
    until_told(swarm, lambda: clients_are(swarm, 20), "both replicas have their clients")
    for service in ("site", "logon1", "logon2"):
        until_told(swarm, lambda name=service: is_healthy(swarm, name), f"{service} works")  # type: ignore[misc]
    command("service", "scale", "--detach", f"{NAME}_clients=3")
    until_told(swarm, lambda: clients_are(swarm, 30), "a third replica came")


def test_a_network_that_somebody_is_on_is_not_taken_away_by_leaving_a_swarm(
    client: docker.DockerClient, tag: str
) -> None:
    network = client.networks.create(f"{NAME}-neighbour", attachable=True)
    try:
        assert network.name not in networks_to_lose(client), "nobody is on it"
        container = client.containers.run(
            f"despoolr-server:{tag}", ["serve", "logon"], detach=True, network=network.name
        )
        try:
            assert network.name in networks_to_lose(client)
        finally:
            container.remove(force=True, v=True)
    finally:
        network.remove()


def test_every_service_is_found_by_round_robin_and_has_its_limits() -> None:
    services = yaml.safe_load(STACK.read_text())["services"]
    for name, service in services.items():
        assert service["deploy"]["endpoint_mode"] == "dnsrr", name
        assert {"memory", "pids"} <= set(service["deploy"]["resources"]["limits"]), name


def test_every_volume_has_a_machine_of_its_own() -> None:
    for name, service in yaml.safe_load(STACK.read_text())["services"].items():
        if "volumes" in service:
            assert service["deploy"]["placement"]["constraints"] == [
                f"node.labels.despoolr.{name} == yes"
            ], name
