"""The live page: one file, made of `assets/` when somebody asks for it first.

The law: the page holds no data, asks this server alone, and runs nothing but what stands in it: its
Content-Security-Policy names its one style and its one script by their hashes. Scripts are put
together in the order of their names; there is no other build.
"""

from __future__ import annotations

from functools import cache

from despoolr_server.http.base.browser_guard import inline, page_headers
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Request, Route, StreamResponse
from despoolr_server.http.handling.single_write import SingleWriteResponse


class LivePageRoutes:
    """The page of one server. Whoever may reach the server gets it; what it asks for needs a
    token.
    """

    def routes(self) -> list[Route]:
        """The page's address and its handler."""
        return [Route("GET", "/", self.page)]

    async def page(self, _request: Request) -> StreamResponse:
        """The page, the same for everybody: what it shows it asks for, and the person brings the
        token.
        """
        body, headers = _page()
        return SingleWriteResponse(200, headers, body)


@cache
def _page() -> tuple[bytes, dict[str, str]]:
    page = page_text()
    scripts, styles = inline(page, "script"), inline(page, "style")
    headers = page_headers(scripts=scripts, styles=styles, connects=True)
    return page.encode(), headers | {hdrs.CACHE_CONTROL: "no-cache"}


def page_text() -> str:
    """The page with its style and script in it."""
    from importlib.resources import files  # noqa: PLC0415 - a run in virtual time has no page

    assets = files("despoolr_server.http.live").joinpath("assets")
    page = assets.joinpath("live.html").read_text("utf-8")
    style = assets.joinpath("live.css").read_text("utf-8")
    scripts = sorted(file.name for file in assets.iterdir() if file.name.endswith(".js"))
    script = "".join(assets.joinpath(name).read_text("utf-8") for name in scripts)
    page = page.replace("<style></style>", f"<style>\n{style}</style>")
    return page.replace("<script></script>", f"<script>\n{script}</script>")
