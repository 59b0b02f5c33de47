"""`FileReader` beside the share of each client: the same request on the wire, the same answer, the
same trouble.
"""

from __future__ import annotations

import pytest

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_client.transport.file_reader import FileReader
from despoolr_client.transport.share_server import ShareServer
from despoolr_core.share.contract import ShareError, ShareUnreachable
from worlds.scripted_server import serving

PROBLEM = (
    b'{"type":"about:blank","title":"There is no such file","status":404,'
    b'"nt_status":"OBJECT_NAME_NOT_FOUND"}'
)


@pytest.mark.parametrize("etag", ["", '"1-2"', 'W/"\udcff"'])
@pytest.mark.parametrize("path", ["PCMINS.BOX/BPC00001.INS", "A B/\u00e4%.INS"])
@pytest.mark.parametrize(
    "said",
    [
        b'HTTP/1.1 200 OK\r\nETag: "e1"\r\nContent-Length: 3\r\n\r\none',
        b'HTTP/1.1 304 Not Modified\r\nETag: "1-2"\r\n\r\n',
        b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%b" % (len(PROBLEM), PROBLEM),
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
