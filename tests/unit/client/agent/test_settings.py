"""What all clients of a site share."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from despoolr_client.agent.settings import Interner
from despoolr_client.pcm.behaviour import PcmBehaviour, PcmVariant
from despoolr_client.pcm.history import HistoryState
from worlds.client import World, offered, play


def test_equal_records_are_one_object_until_the_interner_is_full() -> None:
    interner = Interner(records_max=2)
    first = interner.intern(offered())
    assert interner.intern(offered()) is first
    interner.intern(offered("BPC0002"))
    interner.intern(offered("BPC0003"))
    assert interner.intern(offered()) == first


def test_equal_lists_and_histories_are_one_object_until_the_interner_is_full() -> None:
    interner = Interner(records_max=2)
    first = interner.intern_all((offered(), offered("BPC0002")))
    seen = interner.intern_history({"BPC0001": HistoryState.NEW})
    assert interner.intern_all((offered(), offered("BPC0002"))) is first
    assert interner.intern_history({"BPC0001": HistoryState.NEW}) is seen
    assert interner.intern_all((offered("BPC0002"), offered())) != first
    assert interner.intern_history({"BPC0001": HistoryState.EXECUTED}) != seen
    interner.intern_all(())
    interner.intern_history({})
    again = interner.intern_all((offered(), offered("BPC0002")))
    assert (again == first, again is first) == (True, False)
    kept = interner.intern_history({"BPC0001": HistoryState.NEW})
    assert (kept == seen, kept is seen) == (True, False)


def test_a_client_needs_a_logon_server() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="logon server"):
            replace(World().settings, logon_servers=())

    play(main)


def test_the_platform_is_that_of_the_variant_unless_it_is_given() -> None:
    async def main() -> None:
        settings = World(PcmBehaviour(variant=PcmVariant.WIN16)).settings
        assert settings.machine_platform == 0x01
        assert replace(settings, platform=0x08).machine_platform == 0x08

    play(main)
