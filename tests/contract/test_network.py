"""The network's contract: aiohttp's client and server say the same over memory and over loopback
sockets.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import socket
import struct

import aiohttp
import pytest
from aiohttp import web

from despoolr_lab.sim.network import Network
from despoolr_lab.sim.sockets import SocketNetwork
from despoolr_lab.sim.world import run_virtual

LARGE = bytes(range(256)) * 20_000  # 5 MB
MEMORY = "memory"
SOCKETS = "sockets"


def _in_memory(story):
    async def main():
        return await story(Network())

    return run_virtual(main)


def _over_sockets(story):
    async def main():
        return await story(SocketNetwork())

    return asyncio.run(main())


RUNNERS = {MEMORY: _in_memory, SOCKETS: _over_sockets}


@pytest.fixture(params=[MEMORY, SOCKETS])
def run(request):
    """Runs an async function of a network that has a server on `http://logon1/` (see
    `_application`) and a session.
    """
    return lambda story: RUNNERS[request.param](_with_site(story))


def _with_site(story):
    async def main(network):
        runner = web.AppRunner(_application(), access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await network.serve(runner, "LOGON1")
        try:
            async with network.session("PC1") as session:
                return await story(session)
        finally:
            await runner.cleanup()

    return main


def _application():
    app = web.Application(client_max_size=10_000_000)
    app.router.add_get("/hello/{name}", _hello)
    app.router.add_put("/digest", _digest)
    app.router.add_get("/large", _large)
    app.router.add_get("/stream", _stream)
    app.router.add_get("/whence", _whence)
    app.router.add_get("/etag", _etag)
    app.router.add_get("/last", _last)
    app.router.add_get("/hang", _hang)
    app.router.add_get("/hang-up", _hang_up)
    app.router.add_get("/half", _half)
    app.router.add_route("*", "/reset", _reset)
    app.router.add_get("/fail", _fail)
    return app


async def _hello(request):
    return web.Response(text=f"hello {request.match_info['name']}")


async def _digest(request):
    body = await request.read()
    return web.json_response(
        {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}, status=201
    )


async def _large(request):
    return web.Response(body=LARGE[:1_000_000], headers={"X-Part": "1"})


async def _stream(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for start in range(0, len(LARGE), 100_000):
        await response.write(LARGE[start : start + 100_000])
    await response.write_eof()
    return response


async def _whence(request):
    return web.Response(text=str(request.transport.get_extra_info("peername")[1]))


async def _etag(request):
    if request.headers.get("If-None-Match") == '"1"':
        return web.Response(status=304, headers={"ETag": '"1"'})
    return web.Response(text="fresh", headers={"ETag": '"1"'})


async def _last(request):
    response = web.Response(text="the last")
    response.force_close()
    return response


async def _hang(request):
    await asyncio.Event().wait()


async def _hang_up(request):
    request.transport.close()
    return web.Response(text="never seen")


async def _half(request):
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"x" * 500)
    request.transport.close()
    return response


async def _reset(request):
    sock = request.transport.get_extra_info("socket")
    if sock is None:
        request.transport.reset()
    else:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response(text="never seen")


async def _fail(request):
    raise LookupError("a bug")


async def _outcome(awaitable):
    """What a request comes to: the reply, or the kind of failure."""
    try:
        async with awaitable as reply:
            headers = {
                name: value
                for name, value in reply.headers.items()
                if name not in ("Date", "Server")
            }
            return reply.status, reply.reason, headers, await reply.read()
    except (aiohttp.ClientError, TimeoutError) as exc:
        return type(exc).__name__, getattr(exc, "errno", None)


def test_both_networks_give_the_same_replies():
    async def story(session):
        async def many_chunks():
            for start in range(0, len(LARGE), 77_777):
                yield LARGE[start : start + 77_777]

        base = "http://logon1"
        return [
            await _outcome(session.get(f"{base}/hello/pc1")),
            await _outcome(session.get(f"{base}/hello/p%C3%A9%20c")),
            await _outcome(session.head(f"{base}/hello/pc1")),
            await _outcome(session.put(f"{base}/digest", data=b"")),
            await _outcome(session.put(f"{base}/digest", data=b"y" * 1200)),
            await _outcome(session.put(f"{base}/digest", data=many_chunks())),
            await _outcome(session.put(f"{base}/digest", data=b"z" * 900_000, expect100=True)),
            await _outcome(session.get(f"{base}/large")),
            await _outcome(session.get(f"{base}/stream")),
            await _outcome(session.get(f"{base}/etag")),
            await _outcome(session.get(f"{base}/etag", headers={"If-None-Match": '"1"'})),
            await _outcome(session.get(f"{base}/last")),
            await _outcome(session.get(f"{base}/nowhere")),
            await _outcome(session.delete(f"{base}/hello/pc1")),
            await _outcome(session.get(f"{base}/hang-up")),
            await _outcome(session.get(f"{base}/half")),
            await _outcome(session.post(f"{base}/reset")),
            await _outcome(session.get(f"{base}/reset")),
            await _outcome(session.get(f"{base}/hang", timeout=aiohttp.ClientTimeout(total=0.05))),
            await _outcome(session.get("http://logon1:81/")),
            await _outcome(session.get("http://nobody/")),
            await _outcome(session.get(f"{base}/hello/again")),
        ]

    memory, sockets = (RUNNERS[kind](_with_site(story)) for kind in (MEMORY, SOCKETS))
    assert memory == sockets
    assert memory[0][0] == 200
    assert memory[5][0] == 201
    assert hashlib.sha256(LARGE).hexdigest().encode() in memory[5][3]
    assert memory[8][3] == LARGE
    assert memory[10][0] == 304


def test_a_second_request_uses_the_first_ones_connection(run):
    async def story(session):
        return [(await _outcome(session.get("http://logon1/whence")))[3] for _ in range(3)]

    assert len(set(run(story))) == 1


def test_a_server_that_closes_after_its_reply_gets_a_new_connection_next_time(run):
    async def story(session):
        before = await _outcome(session.get("http://logon1/whence"))
        await _outcome(session.get("http://logon1/last"))
        return before, await _outcome(session.get("http://logon1/whence"))

    before, after = run(story)
    assert (before[0], after[0]) == (200, 200)
    assert before[3] != after[3]


def test_two_hundred_requests_at_once_are_all_answered(run):
    async def story(session):
        replies = await asyncio.gather(
            *(_outcome(session.get(f"http://logon1/hello/{n}")) for n in range(200))
        )
        return [body for _, _, _, body in replies]

    assert run(story) == [f"hello {n}".encode() for n in range(200)]


def test_five_megabytes_arrive_whole_in_both_directions(run):
    async def story(session):
        async def body():
            yield LARGE

        return await _outcome(session.put("http://logon1/digest", data=body())), await _outcome(
            session.get("http://logon1/stream")
        )

    sent, received = run(story)
    assert hashlib.sha256(LARGE).hexdigest().encode() in sent[3]
    assert received[3] == LARGE


def test_a_closed_port_is_refused(run):
    async def story(session):
        with pytest.raises(aiohttp.ClientConnectorError) as refusal:
            await session.get("http://logon1:81/")
        return refusal.value

    assert run(story).os_error.errno == errno.ECONNREFUSED


def test_an_unknown_host_is_a_name_error(run):
    async def story(session):
        with pytest.raises(aiohttp.ClientConnectorDNSError):
            await session.get("http://nobody/")

    run(story)


def test_a_reset_connection_says_so(run):
    async def story(session):
        with pytest.raises(aiohttp.ClientOSError) as reset:
            await session.post("http://logon1/reset")
        return reset.value

    assert run(story).errno == errno.ECONNRESET


def test_a_server_that_hangs_up_mid_body_leaves_an_incomplete_payload(run):
    async def story(session):
        with pytest.raises(aiohttp.ClientPayloadError):
            async with session.get("http://logon1/half") as reply:
                await reply.read()

    run(story)


def test_a_request_that_takes_too_long_times_out_and_the_session_goes_on(run):
    async def story(session):
        with pytest.raises(TimeoutError):
            await session.get("http://logon1/hang", timeout=aiohttp.ClientTimeout(total=0.05))
        return await _outcome(session.get("http://logon1/hello/again"))

    assert run(story)[3] == b"hello again"


def test_a_server_that_stopped_refuses_and_one_started_again_answers(request):
    async def story(network):
        answers = []
        async with network.session("PC1") as session:
            for _ in range(2):
                runner = web.AppRunner(_application(), access_log=None)
                await runner.setup()
                await network.serve(runner, "LOGON1")
                answers.append((await _outcome(session.get("http://logon1/hello/x")))[0])
                await runner.cleanup()
                answers.append((await _outcome(session.get("http://logon1/hello/x")))[0])
        return answers

    assert (
        _in_memory(story)
        == _over_sockets(story)
        == [200, "ClientConnectorError", 200, "ClientConnectorError"]
    )


@pytest.mark.parametrize("kind", [MEMORY, SOCKETS])
def test_a_name_and_port_in_use_cannot_be_served_twice(kind):
    async def story(network):
        runner = web.AppRunner(_application(), access_log=None)
        await runner.setup()
        await network.serve(runner, "LOGON1")
        try:
            with pytest.raises(OSError, match="in use") as refusal:
                await network.serve(runner, "logon1")
            return refusal.value.errno
        finally:
            await runner.cleanup()

    assert RUNNERS[kind](story) == errno.EADDRINUSE


def test_a_client_that_leaves_early_does_not_stop_the_server(run):
    async def story(session):
        reply = await session.get("http://logon1/stream")
        await reply.content.read(10)
        reply.close()
        return await _outcome(session.get("http://logon1/hello/again"))

    assert run(story)[3] == b"hello again"
