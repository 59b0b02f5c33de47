"""What the inventory says of NetWare servers."""

from __future__ import annotations

from msgspec.structs import replace

from despoolr_core.share.site_api import MachineSpec
from despoolr_server.site.services.netware_inventory import take_inventory
from despoolr_server.site.state.rows import queries
from despoolr_server.site.state.rows.queries import NO_PCM
from worlds.site import Bench


async def test_a_netware_server_is_known_once_and_keeps_its_id_beside_those_of_clients() -> None:
    bench = Bench()
    site = bench.site
    (role,) = site.servers
    await bench.administrator.add_machines(
        [
            MachineSpec(name="WS1", sms_id="BPC00000", domain="SALES"),
            MachineSpec(name="NW1", sms_id="BPC00007", domain="OTHER"),
        ]
    )
    await site.database.run(lambda db: take_inventory(db, site))
    assert len(await site.database.run(queries.machines)) == 2, "it has no server of NetWare's"
    site.servers += [
        replace(role, name=name, is_netware=True, domain="") for name in ("NW1", "NW2", "NW3")
    ]
    for _ in range(2):
        await site.database.run(lambda db: take_inventory(db, site))
        machines = await site.database.run(queries.machines)
        assert {m.name: (m.sms_id, m.domain) for m in machines if m.operating_system == NO_PCM} == {
            "NW1": ("BPC00007", site.domain),
            "NW2": ("BPCZZ000", site.domain),
            "NW3": ("BPCZZ001", site.domain),
        }
        assert [m.name for m in machines if m.operating_system != NO_PCM] == ["WS1"]


async def test_an_id_of_two_machines_of_one_name_is_not_given_to_a_server() -> None:
    bench = Bench()
    site = bench.site
    await bench.administrator.add_machines(
        [MachineSpec(name="WS1", sms_id=f"BPCZZ00{n}", domain="SALES") for n in range(2)]
    )
    site.servers.append(replace(site.servers[0], name="NW1", is_netware=True))
    await site.database.run(lambda db: take_inventory(db, site))
    machines = await site.database.run(queries.machines)
    assert [(m.name, m.sms_id) for m in machines] == [
        ("WS1", "BPCZZ000"),
        ("WS1", "BPCZZ001"),
        ("NW1", "BPCZZ002"),
    ]
