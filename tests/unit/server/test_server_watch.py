"""What a service is told of another machine: only of one that it reaches, and that is the same."""

from __future__ import annotations

from despoolr_server.server_watch import ServerWatch
from despoolr_server.shares.host import ShareHost
from worlds.share import World


class Reached:
    """A machine as a service may reach it: now this host, now another, now none."""

    def __init__(self, host: ShareHost | None) -> None:
        self.host = host

    def __call__(self) -> ShareHost | None:
        return self.host


async def test_a_machine_that_cannot_be_reached_tells_nothing() -> None:
    world = World()
    reached = Reached(world.host)
    watch = ServerWatch(reached, "OPEN", [""])
    watch()
    before = watch()
    assert before is not None
    reached.host = None
    assert watch() is None
    reached.host = world.host
    assert watch() == before


async def test_a_machine_that_was_started_again_is_asked_once() -> None:
    world = World()
    reached = Reached(world.host)
    watch = ServerWatch(reached, "OPEN", [""])
    assert watch() is None
    assert watch() is not None
    reached.host = World(world.store).host
    assert watch() is None
    assert watch() is not None


async def test_what_others_put_there_is_told() -> None:
    world = World()
    watch = ServerWatch(Reached(world.host), "OPEN", [""])
    watch()
    before = watch()
    await world.put("1.SNI")
    assert watch() not in (before, None)
