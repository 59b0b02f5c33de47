"""The calls by which somebody breaks a server on purpose, and mends it.

| Call | Does |
| --- | --- |
| `GET /api/v1/faults` | what is broken |
| `POST /api/v1/faults` `{fault, ...}` | breaks it (`despoolr_core.share.fault_api`) |
| `DELETE /api/v1/faults/{fault}` | mends it, by its ID |

The law: a server breaks only itself, and only where it was started for that (`--allow-faults`);
without it, there is none of the three (404). They pass a line that is cut
(`http.connections.broken_line`), or nobody could mend it. For administrators.
"""

from __future__ import annotations

from typing import Any, Final

from despoolr_core.share.fault_api import Fault, FaultList
from despoolr_core.share.modes import Role
from despoolr_server.faults.begun import CannotBegin
from despoolr_server.faults.book import FaultBook
from despoolr_server.http.base.problem import Refused, bad_request, known
from despoolr_server.http.base.surface import SURFACE, Surface, json_answer, read_json
from despoolr_server.http.handling.handler import Request, Route, StreamResponse

_ANY: Final[Any] = Fault
NOT_ALLOWED: Final = (
    "{} was not started with --allow-faults (DESPOOLR_ALLOW_FAULTS=1): nobody may break it."
)


class FaultRoutes:
    """The calls of one server. `book` None: it was not started for that. `site` is the code of its
    site; empty: it is no site server.
    """

    def __init__(self, server: str, site: str, book: FaultBook | None) -> None:
        self._server = server
        self._site = site
        self._book = book

    def routes(self) -> list[Route]:
        """What `make_app` takes as `extra_routes`."""
        return [
            Route("GET", "/api/v1/faults", self._get),
            Route("POST", "/api/v1/faults", self._post),
            Route("DELETE", "/api/v1/faults/{fault}", self._delete),
        ]

    async def _get(self, request: Request) -> StreamResponse:
        book = self._asked(request)
        return json_answer(FaultList(self._server, self._site, book.now, book.rows))

    async def _post(self, request: Request) -> StreamResponse:
        book = self._asked(request)
        fault: Fault = await read_json(request, _ANY)
        try:
            return json_answer(await book.add(fault), 201)
        except CannotBegin as error:
            raise bad_request(f"{error}.") from None

    async def _delete(self, request: Request) -> StreamResponse:
        book = self._asked(request)
        row = await book.end(request.match_info["fault"])
        if row is None:
            there = ", ".join(row.id for row in book.rows) or "none"
            raise Refused(
                known(
                    "not-found",
                    f"{self._server} has no fault {request.match_info['fault']}; there is {there}.",
                )
            )
        return json_answer(row)

    def _asked(self, request: Request) -> FaultBook:
        surface: Surface = request.app[SURFACE]
        if surface.principal(request).role is not Role.ADMIN:
            raise Refused(
                known(
                    "forbidden",
                    "Only an administrator breaks a server. Use the token in admin.token.",
                )
            )
        if self._book is None:
            raise Refused(known("not-found", NOT_ALLOWED.format(self._server)))
        return self._book
