"""What Server Manager does to a share server from afar: rights on a directory, and a message to a
machine's user.

| Call | Does |
| --- | --- |
| `PUT /api/v1/shares/{share}/rights` `{prefix, role, rights}` | set one entry; tells the old one |
| `POST /api/v1/messages` `{machine, text}` | what `NET SEND` does; the user decides what to do |
| `GET /api/v1/messages` | the caller's own machine's messages, each told once |

The first two are for the service account and administrators. Closing somebody's open is `DELETE
/api/v1/opens/{id}`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from despoolr_core.records.kinds.share import MessageSent, RightsChanged
from despoolr_core.records.stream import Recorder
from despoolr_core.rules.fields import LineText, NameText
from despoolr_core.share.modes import Role
from despoolr_server.http.base.problem import Refused, known
from despoolr_server.http.base.surface import SURFACE, json_answer, read_json
from despoolr_server.http.handling.handler import Request, Route, StreamResponse
from despoolr_server.http.shares.server.messages import MessageBoard
from despoolr_server.shares.base.rights import Rights
from despoolr_server.shares.host import ShareHost

TEXT_MAX: Final = 1024
"""Characters of one message."""


class RightsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`prefix` is a directory of the share (`""`: all of it); `rights` NONE, READ, READ_WRITE,
    CHANGE, FULL, or null for no entry.
    """

    prefix: str
    role: str
    rights: str | None


class MessageRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A line of text for the user of a machine."""

    machine: NameText
    text: LineText


class RightsReply(msgspec.Struct):
    """What the entry was before; null: there was none."""

    former: str | None


class SentReply(msgspec.Struct):
    """The message is kept for the machine."""

    sent: bool


class MessageList(msgspec.Struct):
    """`GET /api/v1/messages`: messages for the caller's machine, oldest first."""

    messages: list[str]


class AdministrationRoutes:
    """The routes of one server. `board`: where its own process leaves messages as well."""

    def __init__(
        self, host: ShareHost, recorder: Recorder, board: MessageBoard | None = None
    ) -> None:
        self._host = host
        self._recorder = recorder
        self._board = MessageBoard() if board is None else board

    def routes(self) -> list[Route]:
        """What `make_app` takes as `extra_routes`."""
        return [
            Route("PUT", "/api/v1/shares/{share}/rights", self._put_rights),
            Route("POST", "/api/v1/messages", self._post_message),
            Route("GET", "/api/v1/messages", self._get_messages),
        ]

    async def _put_rights(self, request: Request) -> StreamResponse:
        surface = request.app[SURFACE]
        who = surface.operator(request, "change rights")
        asked = await read_json(request, RightsRequest)
        try:
            role = Role(asked.role)
            rights = None if asked.rights is None else Rights[asked.rights]
        except (ValueError, KeyError) as error:
            words = (
                "roles are client, service, admin; rights are NONE, READ, READ_WRITE, CHANGE, FULL"
            )
            raise Refused(known("bad-request", f"{error}: {words}.")) from None
        share = request.match_info["share"]
        try:
            former = self._host.set_rights(share, asked.prefix, role, rights)
        except KeyError:
            raise Refused(
                known(
                    "not-found",
                    f"No share {share}; there are {', '.join(self._host.share_names())}.",
                )
            ) from None
        shown = None if former is None else former.name
        self._recorder.record(
            f"{self._host.server}/{who.machine}",
            RightsChanged(
                share=share, path=asked.prefix, role=asked.role, rights=asked.rights, was=shown
            ),
        )
        return json_answer(RightsReply(shown))

    async def _post_message(self, request: Request) -> StreamResponse:
        who = request.app[SURFACE].operator(request, "send messages")
        asked = await read_json(request, MessageRequest)
        if len(asked.text) > TEXT_MAX:
            raise Refused(
                known(
                    "bad-request",
                    f"The message has {len(asked.text)} characters; {TEXT_MAX} at most.",
                )
            )
        self._board.post(asked.machine, asked.text)
        self._recorder.record(
            f"{self._host.server}/{who.machine}",
            MessageSent(machine=asked.machine, text=asked.text),
        )
        return json_answer(SentReply(True))

    async def _get_messages(self, request: Request) -> StreamResponse:
        return json_answer(
            MessageList(self._board.take(request.app[SURFACE].principal(request).machine))
        )
