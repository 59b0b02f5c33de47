"""Every disposition against a held file: status, create action and size, as the oracle's matrix has them."""

from __future__ import annotations

from despoolr_core.sharing import CreateAction, Disposition, NtStatus
from despoolr_core.wire import Entry, Problem
from despoolr_server.share.engine.dispositions import EXISTING, IMPLIED, MISSING
from despoolr_server.share.host import Caller
from oracle_replay import Replay, load


def test_every_disposition_has_an_answer_for_a_name_that_exists_and_one_that_does_not() -> None:
    assert set(EXISTING) == set(MISSING) == set(Disposition)
    assert set(IMPLIED) == set(CreateAction)


async def test_the_oracles_matrix_agrees() -> None:
    rows = load("dispositions")["rows"]
    assert len(rows) > 2000
    wrong = []
    for row in rows:
        first_access, first_share, second_access, second_share, disposition, samba, action, size, status = row
        world = Replay({"f": 10})
        await world.prepare()
        held = await world.open({"who": "A", "handle": "h", "path": "f", "access": first_access, "share": first_share})
        assert not isinstance(held, Problem)
        asked = {"who": "B", "handle": "g", "path": "f", "access": second_access, "share": second_share}
        reply = await world.open(asked | {"disposition": disposition})
        got = reply.nt_status if isinstance(reply, Problem) else NtStatus.SUCCESS.value
        found = world.host.stat(Caller(world.admin), "T", "f")
        assert not isinstance(found, Problem)
        entry: Entry = found[0]
        if got != status or (samba == status and entry.size != size):
            wrong.append((row, got, entry.size))
        if samba == status == NtStatus.SUCCESS and not isinstance(reply, Problem) and reply.action != action:
            wrong.append((row, reply.action, entry.size))
    assert wrong == []
