"""Every cell of the table of boxes is what a server answers."""

from __future__ import annotations

import pytest

from despoolr_core.share.modes import NtStatus, Role
from despoolr_lab.docs.security import FILE_CALLS, SHARES, THE_BOX, may, page
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.files.protocol import make_directories
from despoolr_server.shares.base.principal import Caller, Principal
from despoolr_server.shares.dav import LockWish
from despoolr_server.shares.host import ShareHost
from worlds.share import EPOCH, World, status

CELLS = [(share, box) for share, (_, _, names) in SHARES.items() for box in ("", *names)]


async def ask(host: ShareHost, who: Principal, share: str, box: str, call: str) -> NtStatus:
    """What a call on a file in a box, or on the box, is answered."""
    caller, path = Caller(who), f"{box}/X".lstrip("/")
    answers: list[object]
    if call == THE_BOX:
        answers = [await host.trees.move(caller, share, box, "ELSEWHERE", replace=False)]
    elif call.startswith("GET"):
        answers = [
            await host.paths.get(caller, share, path),
            host.listings.list(caller, share, box),
            await host.dav.look(caller, share, box, 0),
        ]
    elif call.startswith("PUT"):
        answers = [
            await host.paths.put(caller, share, path, b"y"),
            await host.paths.make_directory(caller, share, f"{path}.D", parents=False),
        ]
    elif call.startswith("DELETE"):
        answers = [await host.trees.delete(caller, share, path)]
    elif call == "LOCK":
        answers = [await host.dav.lock(caller, share, path, LockWish())]
    else:
        answers = [await host.dav.set_properties(caller, share, path, {"{urn:x}p": "<p/>"})]
    found = {status(answer) for answer in answers}
    assert len(found) == 1, (call, found)
    return found.pop()


@pytest.mark.parametrize("call", [*FILE_CALLS, THE_BOX])
@pytest.mark.parametrize(("share", "box"), CELLS)
async def test_a_cell_names_the_roles_that_are_let_through(share: str, box: str, call: str) -> None:
    _, allowed, names = SHARES[share]
    for role in Role:
        store = MemoryFileStore()
        world = World()
        world.host.gate.shares.clear()
        world.host.add_share(share, store, allowed)
        make_directories(store, names, EPOCH)
        open_host = World().host
        open_host.gate.shares.clear()
        open_host.add_share(share, store)
        await open_host.paths.put(
            Caller(Principal("A", "A", Role.ADMIN)), share, f"{box}/X".lstrip("/"), b"x"
        )
        if call == THE_BOX and not box:
            assert may(share, box, call) == []
            continue
        answer = await ask(world.host, Principal("PC07", "anna", role), share, box, call)
        assert answer is (
            NtStatus.SUCCESS if role in may(share, box, call) else NtStatus.ACCESS_DENIED
        )


def test_the_page_has_a_row_for_every_box() -> None:
    text = page()
    assert all(f"| `{share}` | `{box}` |" in text for share, box in CELLS if box)
