"""Links break in three ways, and are mended."""

from __future__ import annotations

import asyncio
import errno
import socket

import aiohttp
import pytest
from aiohttp import web

from despoolr_lab.sim.hosts import STALL_S_MAX, SYN_RETRIES_S
from despoolr_lab.sim.network import Network
from despoolr_lab.sim.world import run_virtual

PATIENT = aiohttp.ClientTimeout(total=None)


def on_site(story, **options):
    """Run `story(network, session)` with a server on LOGON1 that answers /, and /slow after 10
    s.
    """

    async def main():
        network = Network(**options)
        app = web.Application()
        app.router.add_get("/", _hello)
        app.router.add_route("*", "/slow", _slow)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await network.serve(runner, "LOGON1")
        async with network.session("PC1", timeout=PATIENT) as session:
            result = await story(network, session)
        await runner.cleanup()
        return result

    return run_virtual(main)


async def _hello(request):
    return web.Response(text="hello")


async def _slow(request):
    await asyncio.sleep(10.0)
    return web.Response(text="at last")


async def _get(session, path="/"):
    started = asyncio.get_running_loop().time()
    try:
        async with session.get(f"http://logon1{path}") as reply:
            outcome = await reply.text()
    except aiohttp.ClientError as exc:
        outcome = getattr(exc, "errno", None) or type(exc).__name__
    return outcome, asyncio.get_running_loop().time() - started


def test_a_round_trip_takes_two_latencies_and_a_new_connection_two_more():
    async def story(network, session):
        network.link("pc1", "logon1").latency_s = 0.125
        return await _get(session), await _get(session)

    assert on_site(story) == (("hello", 0.5), ("hello", 0.25))


def test_a_refusing_link_resets_what_is_open_and_refuses_what_is_new():
    async def story(network, session):
        pending = asyncio.ensure_future(_get(session, "/slow"))
        await asyncio.sleep(1.0)
        network.cut("PC1", "LOGON1", "refuse")
        return (await pending)[0], (await _get(session))[0]

    reset, refused = on_site(story)
    # aiohttp tries a reset GET again, and is refused
    assert (reset, refused) == (errno.ECONNREFUSED, errno.ECONNREFUSED)


def test_a_reset_breaks_open_connections_and_leaves_the_link_whole():
    async def story(network, session):
        pending = asyncio.ensure_future(session.post("http://logon1/slow"))
        await asyncio.sleep(1.0)
        network.reset("PC1", "LOGON1")
        with pytest.raises(aiohttp.ClientOSError) as reset:
            await pending
        return reset.value.errno, (await _get(session))[0]

    assert on_site(story) == (errno.ECONNRESET, "hello")


def test_a_black_hole_delays_until_it_closes():
    async def story(network, session):
        await _get(session)
        network.cut("PC1", "LOGON1")
        pending = asyncio.ensure_future(_get(session))
        await asyncio.sleep(30.0)
        assert not pending.done()
        network.heal("PC1", "LOGON1")
        return await pending

    outcome, took = on_site(story)
    assert outcome == "hello"
    assert 30.0 <= took < 31.0


def test_a_black_hole_that_stays_ends_with_a_time_out_and_the_other_end_never_knows():
    async def story(network, session):
        pending = asyncio.ensure_future(_get(session, "/slow"))
        await asyncio.sleep(1.0)
        network.cut("PC1", "LOGON1")
        pending.cancel()  # the client leaves; the server's reply is what goes nowhere
        await asyncio.gather(pending, return_exceptions=True)
        other = asyncio.ensure_future(_get(session))
        return await other

    outcome, took = on_site(story)
    assert outcome == errno.ETIMEDOUT
    assert took == pytest.approx(sum(SYN_RETRIES_S))


def test_an_open_connection_into_a_black_hole_is_given_up_in_the_end():
    async def story(network, session):
        await _get(session)
        network.cut("PC1", "LOGON1")
        return await asyncio.gather(
            session.post("http://logon1/"), return_exceptions=True
        ), asyncio.get_running_loop().time()

    (outcome,), when = on_site(story)
    assert outcome.errno == errno.ETIMEDOUT
    assert when == pytest.approx(STALL_S_MAX, abs=1.0)


def test_a_connection_attempt_gets_through_when_the_hole_closes_in_time():
    async def story(network, session):
        network.cut("PC1", "LOGON1")
        pending = asyncio.ensure_future(_get(session))
        await asyncio.sleep(5.0)
        network.heal("PC1", "LOGON1")
        return await pending

    outcome, took = on_site(story)
    assert outcome == "hello"
    assert 7.0 <= took < 8.0  # tries at 0, 1, 3 and 7 s


def test_a_host_that_is_down_is_down_for_everybody_and_comes_back():
    async def story(network, session):
        outcomes = []
        async with network.session("PC2") as other:
            network.take_down("LOGON1")
            outcomes += [(await _get(one))[0] for one in (session, other)]
            network.bring_up("LOGON1")
            outcomes += [(await _get(one))[0] for one in (session, other)]
        return outcomes

    assert on_site(story) == [errno.ECONNREFUSED, errno.ECONNREFUSED, "hello", "hello"]


def test_a_cut_and_a_dead_host_are_mended_one_by_one():
    async def story(network, session):
        network.cut("PC1", "LOGON1", "refuse")
        network.take_down("LOGON1")
        network.heal("PC1", "LOGON1")
        still = (await _get(session))[0]
        network.bring_up("LOGON1")
        return still, (await _get(session))[0]

    assert on_site(story) == (errno.ECONNREFUSED, "hello")


def test_a_host_always_reaches_itself():
    async def story(network, session):
        network.take_down("LOGON1")
        async with network.session("LOGON1") as local:
            return (await _get(local))[0]

    assert on_site(story) == "hello"


def test_who_is_reached_is_told_without_a_call_and_not_where_the_way_is_left_to_chance():
    async def story(network, _session):
        told = [network.reaches("a", "logon1"), network.reaches("a", "logon1", 81)]
        network.take_down("logon1")
        told.append(network.reaches("a", "logon1"))
        network.bring_up("logon1")
        network.link("a", "logon1").jitter_s = 0.001
        return [*told, network.reaches("a", "logon1")]

    assert on_site(story) == [True, False, False, False]


def test_a_cancelled_connection_attempt_leaves_nothing_behind(caplog):
    async def story(network, session):
        network.link("PC1", "LOGON1").latency_s = 1.0
        for patience_s in (0.5, 1.5):
            attempt = asyncio.ensure_future(_get(session))
            await asyncio.sleep(patience_s)
            attempt.cancel()
            await asyncio.gather(attempt, return_exceptions=True)
            await asyncio.sleep(10.0)
        return (await _get(session))[0]

    assert on_site(story) == "hello"
    assert caplog.text == ""


def test_an_unknown_host_has_no_address():
    async def story(network, session):
        with pytest.raises(socket.gaierror, match="nobody"):
            await network.connect(asyncio.Protocol, "NOBODY", 80, source="PC1")

    on_site(story)


def test_port_zero_takes_a_free_port():
    async def story(network, session):
        ports = [network.listen("LOGON2", 0, asyncio.Protocol).address[1] for _ in range(3)]
        return len(set(ports))

    assert on_site(story) == 3


def test_tls_is_refused_with_a_reason():
    async def story(network, session):
        with pytest.raises(aiohttp.ClientConnectionError, match="no TLS"):
            await session.get("https://logon1/")

    on_site(story)
