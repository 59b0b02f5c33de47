"""The engine, our images, and one stack for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest

from worlds.docker import build, engine

TAG = "test"


@pytest.fixture(scope="session")
def client() -> Iterator[docker.DockerClient]:
    """The engine's API."""
    made = engine()
    yield made
    made.close()


@pytest.fixture(scope="session")
def tag(client: docker.DockerClient) -> str:
    """The tag our images were just built under."""
    build(client, TAG)
    return TAG
