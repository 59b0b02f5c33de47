"""Where a small server listens, and why it cannot."""

from __future__ import annotations

import socket

import aiohttp
import pytest
from aiohttp import web

from despoolr_app.process.http_listener import HttpListener
from despoolr_app.process.runtime import StartError
from despoolr_app.process.settings import Listen


def app() -> web.Application:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="here")

    made = web.Application()
    made.add_routes([web.get("/", answer)])
    return made


async def test_it_answers_where_it_says_until_it_is_stopped() -> None:
    listener = HttpListener()
    where = await listener.start(app(), Listen("127.0.0.1", 0))
    async with aiohttp.ClientSession() as http, http.get(f"http://{where}/") as reply:
        assert await reply.text() == "here"
    await listener.stop()
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", where.port))


async def test_a_port_in_use_is_one_line_that_names_the_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = Listen("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(StartError, match=rf"^{listen} is in use; .* choose another --page$"):
            await HttpListener("--page").start(app(), listen)


async def test_an_address_of_another_machine_is_refused_with_the_reason() -> None:
    with pytest.raises(StartError, match=r"^cannot listen on 192\.0\.2\.1:0: .*another --listen$"):
        await HttpListener().start(app(), Listen("192.0.2.1", 0))


async def test_what_never_listened_is_stopped_without_harm() -> None:
    await HttpListener().stop()
