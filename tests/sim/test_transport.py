"""A connection in memory delivers every byte once and in order, then its end, or it is reset."""

from __future__ import annotations

import asyncio
import contextvars
import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from despoolr_lab.sim.hosts import STALL_S_MAX, HostNetwork
from despoolr_lab.sim.transport import CHUNK_MAX, HIGH_WATER
from despoolr_lab.sim.world import run_virtual


class Recorder(asyncio.Protocol):
    """Notes everything that happens to it, with the loop's time."""

    def __init__(self, keep_open=False):
        self.events = []
        self.keep_open = keep_open

    def note(self, *event):
        self.events.append((asyncio.get_running_loop().time(), *event))

    def connection_made(self, transport):
        self.transport = transport
        self.note("made")

    def data_received(self, data):
        self.note("data", data)

    def eof_received(self):
        self.note("eof")
        return self.keep_open

    def connection_lost(self, exc):
        self.note("lost", exc)

    def pause_writing(self):
        self.note("pause")

    def resume_writing(self):
        self.note("resume")

    def received(self):
        return b"".join(event[2] for event in self.events if event[1] == "data")

    def kinds(self):
        return [event[1] for event in self.events]

    def loss(self):
        return next(event[2] for event in self.events if event[1] == "lost")


def connected(story, *, keep_open=False, **options):
    """Run `story(client, server)` with the two protocols of a fresh connection."""

    async def main():
        network = HostNetwork(**options)
        servers = []

        def factory():
            servers.append(Recorder(keep_open))
            return servers[-1]

        network.listen("server", 80, factory)
        _, client = await network.connect(
            lambda: Recorder(keep_open), "server", 80, source="client"
        )
        await story(client, servers[0])
        await asyncio.sleep(1.0)
        return client, servers[0]

    return run_virtual(main)


def test_what_is_written_arrives_after_the_links_latency():
    async def story(client, server):
        client.transport.write(b"one")
        client.transport.write(bytearray(b"two"))
        client.transport.writelines([b"three", memoryview(b"four")])
        await asyncio.sleep(0.5)
        server.transport.write(b"reply")

    client, server = connected(story, latency_s=0.25)
    assert server.events[:2] == [(0.25, "made"), (0.75, "data", b"onetwothreefour")]
    assert client.events == [(0.5, "made"), (1.25, "data", b"reply")]


def test_both_ends_know_each_other_by_name():
    async def story(client, server):
        assert client.transport.get_extra_info("peername") == ("server", 80)
        assert server.transport.get_extra_info("peername") == client.transport.get_extra_info(
            "sockname"
        )
        assert server.transport.get_extra_info("peername")[0] == "client"
        assert client.transport.get_extra_info("socket") is None

    connected(story)


def test_closing_delivers_what_was_written_then_the_end():
    async def story(client, server):
        client.transport.write(b"last words")
        client.transport.close()
        assert client.transport.is_closing()

    client, server = connected(story)
    assert client.kinds() == ["made", "lost"]
    assert server.kinds() == ["made", "data", "eof", "lost"]
    assert (client.loss(), server.loss()) == (None, None)


def test_one_direction_can_end_before_the_other():
    async def story(client, server):
        client.transport.write_eof()
        with pytest.raises(RuntimeError, match="write_eof"):
            client.transport.write(b"more")
        await asyncio.sleep(0.1)
        server.transport.write(b"still here")
        server.transport.close()

    client, server = connected(story, keep_open=True)
    assert server.kinds() == ["made", "eof", "lost"]
    assert client.kinds() == ["made", "data", "eof"]


def test_a_write_to_an_end_that_has_closed_is_answered_with_a_reset():
    async def story(client, server):
        server.transport.close()
        client.transport.write(b"into the void")

    client, _ = connected(story, keep_open=True)
    assert client.loss().errno == errno.ECONNRESET


def test_closing_with_unread_bytes_resets():
    async def story(client, server):
        server.transport.pause_reading()
        client.transport.write(b"unread")
        await asyncio.sleep(0.1)
        server.transport.close()

    client, server = connected(story)
    assert client.loss().errno == errno.ECONNRESET
    assert server.received() == b""


def test_nothing_is_delivered_while_reading_is_paused_and_all_of_it_after():
    async def story(client, server):
        server.transport.pause_reading()
        assert not server.transport.is_reading()
        client.transport.write(b"a" * 10)
        client.transport.close()
        await asyncio.sleep(0.5)
        assert server.kinds() == ["made"]
        server.transport.resume_reading()

    _, server = connected(story)
    assert server.kinds() == ["made", "data", "eof", "lost"]


def test_a_writer_is_paused_while_too_much_is_on_its_way():
    async def story(client, server):
        server.transport.pause_reading()
        client.transport.write(b"x" * (HIGH_WATER + 1))
        client.transport.write(b"y")
        assert client.kinds() == ["made", "pause"]
        assert client.transport.get_write_buffer_size() == HIGH_WATER + 2
        await asyncio.sleep(0.5)
        assert client.kinds() == ["made", "pause"]
        server.transport.resume_reading()

    client, _ = connected(story)
    assert client.kinds() == ["made", "pause", "resume"]


def test_a_large_write_comes_in_the_pieces_a_socket_would_give():
    async def story(client, server):
        client.transport.write(b"x" * (2 * CHUNK_MAX + 1))

    _, server = connected(story)
    assert [len(event[2]) for event in server.events if event[1] == "data"] == [
        CHUNK_MAX,
        CHUNK_MAX,
        1,
    ]


def test_a_reader_may_pause_between_the_pieces():
    async def story(client, server):
        real = server.data_received
        server.data_received = lambda data: (real(data), server.transport.pause_reading())
        client.transport.write(b"x" * (2 * CHUNK_MAX))
        await asyncio.sleep(0.1)
        assert len(server.received()) == CHUNK_MAX
        server.transport.resume_reading()

    _, server = connected(story)
    assert len(server.received()) == 2 * CHUNK_MAX


def test_a_protocol_that_fails_loses_its_connection_and_says_so(caplog):
    async def story(client, server):
        server.data_received = lambda data: 1 / 0
        client.transport.write(b"x")

    client, server = connected(story)
    assert "protocol failed" in caplog.text
    assert isinstance(server.loss(), ZeroDivisionError)
    assert client.loss().errno == errno.ECONNRESET


def test_the_server_does_not_see_the_clients_context():
    variable = contextvars.ContextVar("variable", default="nobody")
    seen = []

    class Server(asyncio.Protocol):
        def connection_made(self, transport):
            seen.append(variable.get())

        def data_received(self, data):
            seen.append(variable.get())

        def connection_lost(self, exc):
            seen.append(variable.get())

    async def main():
        network = HostNetwork()
        network.listen("server", 80, Server)
        variable.set("client")
        transport, _ = await network.connect(asyncio.Protocol, "server", 80, source="client")
        transport.write(b"x")
        transport.close()
        await asyncio.sleep(1.0)

    run_virtual(main)
    assert seen == ["nobody", "nobody", "nobody"]


def test_a_writer_who_was_paused_learns_that_his_reader_has_given_up():
    async def main():
        network = HostNetwork()
        server = Recorder()
        network.listen("server", 80, lambda: server)
        client = Recorder()
        await network.connect(lambda: client, "server", 80, source="client")
        client.transport.pause_reading()
        server.transport.write(b"x" * (HIGH_WATER + 1))
        await asyncio.sleep(1.0)
        network.cut("client", "server")
        client.transport.write(b"nobody hears this")
        await asyncio.sleep(3 * STALL_S_MAX)
        return client, server

    client, server = run_virtual(main)
    assert (client.loss().errno, server.loss().errno) == (errno.ETIMEDOUT, errno.ETIMEDOUT)


def test_buffer_limits_can_be_set_as_on_any_transport():
    async def story(client, server):
        client.transport.set_write_buffer_limits(high=8)
        assert client.transport.get_write_buffer_limits() == (2, 8)
        with pytest.raises(ValueError, match="high"):
            client.transport.set_write_buffer_limits(high=1, low=2)

    connected(story)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(1, 200_000), st.floats(0, 0.01)), min_size=1, max_size=8),
    st.integers(0, 1000),
)
def test_a_stream_is_delivered_once_and_in_order_whatever_the_jitter(writes, seed):
    sent = b""

    async def story(client, server):
        nonlocal sent
        for number, (size, pause_s) in enumerate(writes):
            piece = bytes([number]) * size
            sent += piece
            client.transport.write(piece)
            await asyncio.sleep(pause_s)
        client.transport.close()

    _, server = connected(story, jitter_s=0.02, seed=seed)
    assert server.received() == sent
    assert server.kinds()[-2:] == ["eof", "lost"]
