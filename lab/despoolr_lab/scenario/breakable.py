"""The machines of a scenario, as faults break them (`despoolr_server.faults`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from despoolr_lab.scenario.world import World
from despoolr_lab.sim.hosts import HostNetwork
from despoolr_server.faults.begun import CannotBegin
from despoolr_server.files import FileStore
from despoolr_server.site.services.service import Executive


class BreakableWorld:
    """`despoolr_server.faults.begun.Breakable` of a world. Packages are told by their names."""

    def __init__(self, world: World) -> None:
        self._world = world

    def executive(self, site: str) -> Executive | None:
        world = self._world
        code = site or world.scenario.site[0].code
        return world.sites[code].server.executive if world.is_up(code) else None

    async def package(self, package: str) -> tuple[str, str]:
        return self._world.packages[package]

    def with_ids(self, path: str) -> str:
        return self._world.with_ids(path)

    def stores(self, server: str) -> Mapping[str, FileStore]:
        stores = self._world.assembly.stores
        return {share: store for (machine, share), store in stores.items() if machine == server}

    def cut(self, server: str, other: str) -> None:
        network = self._network("links are cut")
        if other:
            network.cut(server, other)
        else:
            network.take_down(server)

    def mend(self, server: str, other: str) -> None:
        network = self._network("links are cut")
        if other:
            network.heal(server, other)
        else:
            network.bring_up(server)

    def slow_down(self, server: str, delay_s: float | None) -> None:
        self._network("a server is slowed down").slow_down(server, delay_s)

    async def turn_clock(self, machine: str, by_s: float) -> None:
        self._world.agents[machine].clock_offset_s += by_s

    def when_killed(self, site: str, end: Callable[[], Awaitable[None]]) -> None:
        self._world.when_killed.setdefault(site, []).append(end)

    def _network(self, what: str) -> HostNetwork:
        network = self._world.surroundings.network
        if not isinstance(network, HostNetwork):
            raise CannotBegin(f"{what} in virtual time only (--time virtual)")
        return network
