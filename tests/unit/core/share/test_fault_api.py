"""What the body of a fault may say, and what not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from despoolr_core.rules.fields import decode
from despoolr_core.share.fault_api import KINDS, Fault, LinkDown, SlowShare

ANY: Any = Fault


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"fault": "fire"}, "Invalid value 'fire'"),
        ({"fault": "disk_full"}, "required field `server`"),
        ({"fault": "disk_full", "server": "A", "path": "x"}, "a path is on a share: say which"),
        ({"fault": "disk_full", "server": "A", "delay": "2s"}, "unknown field `delay`"),
        ({"fault": "disk_full", "server": "A", "for": "0s"}, "more than nothing, 366d at most"),
        ({"fault": "disk_full", "server": "A", "for": "367d"}, "more than nothing, 366d at most"),
        ({"fault": "disk_full", "server": "A", "for": "soon"}, "'soon' is not a span of time"),
        ({"fault": "disk_full", "server": "A\n"}, "has the character U+000A"),
        ({"fault": "disk_full", "server": "A" * 257}, "length <= 256"),
        ({"fault": "disk_full", "server": "A", "share": "S", "path": "p" * 1025}, "length <= 1024"),
        ({"fault": "clock_jumps", "machine": "A", "by": "+0s"}, "more than nothing"),
        ({"fault": "clock_jumps", "machine": "A", "by": "-3661d"}, "3660d at most"),
        ({"fault": "link_down", "server": "A", "other": "a"}, "no link between a server and itse"),
        ({"fault": "slow_share", "server": "A", "delay": "61m"}, "more than nothing, 1h at most"),
    ],
)
def test_what_is_wrong_is_said(body: dict[str, str], why: str) -> None:
    with pytest.raises(msgspec.ValidationError) as error:
        decode(msgspec.json.encode(body), ANY)
    assert why in str(error.value)


def test_a_fault_reads_as_it_was_written() -> None:
    said = b'{"fault":"slow_share","server":"LOGON1","delay":"5s","for":"366d"}'
    fault = decode(said, ANY)
    assert isinstance(fault, SlowShare) and (fault.name, fault.for_) == ("slow_share", "366d")
    assert set(KINDS) == {
        *("sender_dies", "handle_leaks", "disk_full", "clock_jumps", "link_down", "slow_share")
    }


def test_names_have_one_case_and_the_place_is_what_is_broken_not_how_long() -> None:
    fault = LinkDown(server="logon1", other="site1", for_="2h").folded()
    assert (fault.server, fault.other, fault.for_) == ("LOGON1", "SITE1", "2h")
    assert fault.place == LinkDown(server="LOGON1", other="SITE1").place
    assert fault.place != LinkDown(server="LOGON1").place
