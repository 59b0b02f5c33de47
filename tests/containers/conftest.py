"""The engine and our images, made by the first worker of a run that asks; and the swarm that a run
made, which its controller leaves when no worker has a stack any more.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest

from worlds.docker import build, engine, leave_swarm

TAG = "test"
MADE_SWARM = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def directory_of_run(worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all workers of this run have, and no other run."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@contextmanager
def first(directory: Path, what: str) -> Iterator[bool]:
    """Whether no worker has done `what` before; others who ask wait until this one has."""
    with (directory / f"{what}.done").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield not os.fstat(file.fileno()).st_size
        file.write("done\n")


@pytest.fixture(scope="session")
def client(directory_of_run: Path) -> Iterator[docker.DockerClient]:
    """The engine's API."""
    with first(directory_of_run, "engine"):
        made = engine()
    yield made
    made.close()


@pytest.fixture(scope="session")
def tag(client: docker.DockerClient, directory_of_run: Path) -> str:
    """The tag our images were just built under."""
    with first(directory_of_run, "images") as is_first:
        if is_first:
            build(client, TAG)
    return TAG


@pytest.fixture
def a_swarm(client: docker.DockerClient, request: pytest.FixtureRequest) -> docker.DockerClient:
    """The engine as a swarm of one; what was none before is none after the run.

    An engine that leaves a swarm takes networks away, those of a stack that is just being started
    by another worker as well: so it is left at the end.
    """
    if client.info()["Swarm"]["LocalNodeState"] != "active":
        client.swarm.init(advertise_addr="127.0.0.1", listen_addr="127.0.0.1:2377")
        _remember(request.config)
    return client


def _remember(config: pytest.Config) -> None:
    config.stash[MADE_SWARM] = True
    if hasattr(config, "workeroutput"):
        config.workeroutput["made_swarm"] = True


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if getattr(node, "workeroutput", {}).get("made_swarm"):
        node.config.stash[MADE_SWARM] = True


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if config.stash.get(MADE_SWARM, False) and not hasattr(config, "workeroutput"):
        leave_swarm()
