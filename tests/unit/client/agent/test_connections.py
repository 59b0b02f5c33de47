"""A machine's connections live while something is open on them or somebody uses them."""

from __future__ import annotations

import pytest

from despoolr_client.agent.connections import MachineConnections, UserHold, same_path
from worlds.client import World, play


def test_a_connection_is_made_once_for_a_server_in_any_case() -> None:
    async def main() -> None:
        world = await World().set_up()
        connections = MachineConnections("PC1", "JANE")
        with connections:
            assert not connections.is_idle
            await connections.share(world.settings.connect, "srv1", "SMS_SHR").list("")
            await connections.share(world.settings.connect, "SRV1", "SMS_SHR").list("")
        assert connections.is_idle
        await connections.close()
        assert world.closed_count == 1

    play(main)


def test_closing_gives_back_what_is_held_and_what_leaked_even_from_a_silent_server() -> None:
    async def main() -> None:
        world = await World().set_up()
        connections = MachineConnections("PC1", "JANE")
        for server in ("SRV1", "SRV2"):
            share = connections.share(world.settings.connect, server, "SMS_PKGD")
            connections.holds.append(
                UserHold(server, "SMS_PKGD", "X", await share.open("BPC00001/SETUP.EXE"))
            )
            connections.leaked.append(await share.open("BPC00001/DATA/B.DAT"))
        assert not connections.is_idle
        await connections.close()
        assert (connections.is_idle, world.holders("SRV1"), world.holders("SRV2")) == (True, [], [])

    play(main)


@pytest.mark.parametrize(
    ("other", "same"),
    [("a/b.dat", True), ("\\A\\B.DAT", True), ("a/b.da", False), ("b.dat", False)],
)
def test_paths_are_compared_as_windows_does(other: str, same: bool) -> None:
    assert same_path("A/B.dat", other) is same
