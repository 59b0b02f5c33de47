"""A line that is broken: who passes, what is reset, how long it takes."""

from __future__ import annotations

from despoolr_server.faults.line import ServerLine
from worlds.share import EPOCH, StillClock


def test_a_line_is_cut_for_one_or_for_everybody_until_it_is_mended() -> None:
    line = ServerLine(StillClock())
    assert line.is_whole and not line.is_cut("SITE1")
    line.cut("site1")
    assert line.is_cut("SITE1") and not line.is_cut("PC1") and not line.is_whole
    line.cut("")
    assert line.is_cut("PC1") and line.is_cut("")
    line.mend("")
    assert line.is_cut("SITE1") and not line.is_cut("PC1")
    line.mend("SITE1")
    assert line.is_whole


def test_what_is_under_way_is_reset_and_what_is_over_is_not() -> None:
    line = ServerLine(StillClock())
    ends: list[str] = []
    with line.carried("PC1", lambda: ends.append("over")):
        pass
    with line.carried("pc1", lambda: ends.append("pc1")), line.carried("PC2", lambda: None):
        line.cut("PC1")
        assert ends == ["pc1"]
        line.cut("")
        assert ends == ["pc1", "pc1"]


async def test_a_slow_line_takes_its_time_each_way() -> None:
    line = ServerLine(clock := StillClock())
    await line.delay()
    assert clock.now() == EPOCH
    line.slow_down(3.0)
    await line.delay()
    assert clock.now() == EPOCH + 3 and not line.is_whole
    line.slow_down(0.0)
    assert line.is_whole
