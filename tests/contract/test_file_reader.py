"""`FileReader` beside the share of each client: the same request on the wire, the same answer, the
same trouble.
"""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_client.transport import exchange, replies
from despoolr_client.transport.file_reader import FileReader
from despoolr_client.transport.replies import SEVERAL_MAX
from despoolr_client.transport.share_server import ShareServer
from despoolr_client.transport.wire import ALONE_S
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_server.http.connections.fast_lane import TURN_MAX
from worlds.scripted_server import Server, Talk, serving

PROBLEM = (
    b'{"type":"about:blank","title":"There is no such file","status":404,'
    b'"nt_status":"OBJECT_NAME_NOT_FOUND"}'
)


ONE = b'HTTP/1.1 200 OK\r\nETag: "e1"\r\nContent-Length: 3\r\n\r\none'
SAME = b'HTTP/1.1 304 Not Modified\r\nETag: "1-2"\r\n\r\n'
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%b" % (len(PROBLEM), PROBLEM)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n"
WANTED = [("abc.def", "PCMINS.BOX/BPC00001.INS", '"1-2"'), ("g.h", "A B/\u00e4%.INS", "")]


def reader_of(server: Server, http: aiohttp.ClientSession) -> FileReader:
    return FileReader(http, server.url, "logon1", "SMS_SHR")


@pytest.mark.parametrize("etag", ["", '"1-2"', 'W/"\udcff"'])
@pytest.mark.parametrize("path", ["PCMINS.BOX/BPC00001.INS", "A B/\u00e4%.INS"])
@pytest.mark.parametrize(
    "said",
    [
        ONE,
        SAME,
        MISSING,
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        b"not HTTP\r\n\r\n",
    ],
    ids=["200", "304", "404", "503", "none"],
)
async def test_a_file_is_asked_for_as_by_a_client_of_its_own(
    said: bytes, path: str, etag: str
) -> None:
    async with serving(said) as (server, http):
        theirs = ShareServer(http, server.url, "abc.def", LoopClock(0.0), name="logon1")
        ours = FileReader(http, server.url, "logon1", "SMS_SHR")
        told: list[object] = []
        for _ in range(2):
            for ask in (
                theirs.share("SMS_SHR").read_if_changed(path, etag),
                ours.read_if_changed("abc.def", path, etag),
            ):
                try:
                    told.append(await ask)
                except (ShareError, ShareUnreachable) as error:
                    told.append((type(error), str(error)))
        assert len(set(told)) == 1
        assert len(server.heard) >= 4
        assert len(set(server.heard)) == 1


async def test_several_ask_as_each_alone_and_each_is_told_its_own() -> None:
    async with serving(ONE) as (server, http):

        async def alone_then_several(talk: Talk) -> None:
            for said in (SAME, MISSING, SAME + ONE[:-2], ONE[-2:] + MISSING, SAME, MISSING, ONE):
                count = said.count(b"HTTP/")
                server.heard += [await talk.heard() for _ in range(count)]
                talk.say(said)
                await asyncio.sleep(0.05)

        server.scripts = [alone_then_several]
        ours = reader_of(server, http)
        assert not ours.may_ask_several, "there is no connection yet"
        assert await ours.read_if_changed(*WANTED[0]) is None
        with pytest.raises(ShareError) as missing:
            await ours.read_if_changed(*WANTED[1])
        assert ours.may_ask_several
        same, one, absent = await ours.read_several([*WANTED, WANTED[1]])
        assert (same, one, str(absent)) == (None, (b"one", '"e1"'), str(missing.value))
        assert isinstance(absent, ShareError)
        assert absent.is_missing
        assert server.heard[2:] == [*server.heard[:2], server.heard[1]]
        assert (await ours.read_several(WANTED))[0] is None
        assert await ours.read_if_changed(*WANTED[1]) == (b"one", '"e1"')
        assert server.connections == 1, "it is kept for who asks alone as well"


@pytest.mark.parametrize(
    "said",
    [SAME + CHUNKED, SAME + b"odd\r\n\r\n", SAME, SAME + ONE[:-1], SAME + ONE + SAME + SAME],
    ids=["chunks", "odd", "silence", "part", "more"],
)
async def test_who_is_left_over_among_several_asks_alone_and_so_do_all_for_a_while(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "SEVERAL_S", 0.2)
    async with serving(ONE) as (server, http):

        async def first(talk: Talk) -> None:
            await talk.heard()
            talk.say(SAME)
            for _ in range(3):
                await talk.heard()
            talk.say(said)
            assert not await talk.heard(), "nothing is asked on it any more"

        async def others(talk: Talk) -> None:
            while await talk.heard():
                talk.say(ONE)

        server.scripts = [first, others]
        ours = reader_of(server, http)
        await ours.read_if_changed(*WANTED[0])
        told = await ours.read_several([*WANTED, WANTED[1]])
        assert told == ([None, (b"one", '"e1"'), None] if said.count(b"304") == 3 else [None])
        assert await ours.read_if_changed(*WANTED[1]) == (b"one", '"e1"')
        assert server.connections == 2
        assert ours.may_ask_several is (len(told) == 3)
        address = exchange.address_of(http, server.url)
        assert address.idle.alone_until <= asyncio.get_running_loop().time() + ALONE_S
        address.idle.alone_until -= ALONE_S if len(told) < 3 else 0
        assert ours.may_ask_several


async def test_a_body_that_is_too_long_to_be_waited_for_is_asked_for_alone() -> None:
    for size, count in ((replies.BODY_SIZE_MAX, 2), (replies.BODY_SIZE_MAX + 1, 1)):
        long = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (size, bytes(size))
        async with serving(ONE) as (server, http):

            async def in_parts(talk: Talk, long: bytes = long) -> None:
                await talk.heard()
                talk.say(SAME)
                for _ in range(2):
                    await talk.heard()
                talk.say(SAME + long[:100])
                await asyncio.sleep(0.05)
                talk.say(long[100:])
                await talk.heard()

            server.scripts = [in_parts]
            ours = reader_of(server, http)
            await ours.read_if_changed(*WANTED[0])
            assert len(await ours.read_several(WANTED)) == count


async def test_who_may_not_act_any_more_asks_for_nothing_with_others() -> None:
    async with serving(SAME) as (server, http):
        ours = reader_of(server, http)
        await ours.read_if_changed(*WANTED[0])
        ours.may_act = lambda: False
        assert await ours.read_several(WANTED) == []
        ours.may_act = None
        assert ours.may_ask_several
        assert await ours.read_several(WANTED) == [None, None]
        assert len(server.heard) == 3


def test_a_server_answers_several_in_one_turn() -> None:
    assert SEVERAL_MAX <= TURN_MAX
