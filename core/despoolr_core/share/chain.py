"""Several calls in one: `POST /api/v1/chain`, as SMB chained its requests (AndX in SMB 1, compounds
in SMB 2).

The law: a chain is its calls, one after the other, each checked and recorded as if it had come
alone; only the round trips and the waits for the disk are shared. Bytes travel as base64. Used
where many small files go one way (a box that is emptied, a program that opens what its package
has), and where one thing ends with another: a program's files are given back with its report.
"""

from __future__ import annotations

from typing import Final

import msgspec

from despoolr_core.share.wire import OpenReply, OpenRequest, Problem, SessionReply, SessionRequest

CALLS_MAX: Final = 64
"""Calls of one chain."""
BYTES_MAX: Final = 512 * 1024
"""Bytes of files that one chain brings, and after which it fetches no more."""


class ChainGet(
    msgspec.Struct, tag="get", tag_field="call", forbid_unknown_fields=True, omit_defaults=True
):
    """Read a whole file, as `GET /{share}/{path}` does."""

    share: str
    path: str


class ChainPut(
    msgspec.Struct, tag="put", tag_field="call", forbid_unknown_fields=True, omit_defaults=True
):
    """Replace or create a whole file, as `PUT` does; `create` refuses a name that exists
    (`If-None-Match: *`).
    """

    share: str
    path: str
    data: bytes
    create: bool = False


class ChainDelete(
    msgspec.Struct, tag="delete", tag_field="call", forbid_unknown_fields=True, omit_defaults=True
):
    """Delete a file or an empty directory, as `DELETE` with `Depth: 0` does."""

    share: str
    path: str


class ChainSession(
    msgspec.Struct, tag="session", tag_field="call", forbid_unknown_fields=True, omit_defaults=True
):
    """Begin a session, as `POST /api/v1/sessions` does; opens after it in the chain that name none
    belong to it.
    """

    request: SessionRequest


class ChainOpen(
    msgspec.Struct, tag="open", tag_field="call", forbid_unknown_fields=True, omit_defaults=True
):
    """Open a file and keep it open, as `POST /api/v1/opens` does; `read` also reads it, if it has
    no more than 512 KiB.
    """

    request: OpenRequest
    read: bool = False


class ChainClose(
    msgspec.Struct, tag="close", tag_field="call", forbid_unknown_fields=True, omit_defaults=True
):
    """Close a handle, as `DELETE /api/v1/opens/{open}` does."""

    open: str


class ChainLogoff(
    msgspec.Struct, tag="logoff", tag_field="call", forbid_unknown_fields=True, omit_defaults=True
):
    """End a session, as `DELETE /api/v1/sessions/{session}` does."""

    session: str


Link = ChainGet | ChainPut | ChainDelete | ChainSession | ChainOpen | ChainClose | ChainLogoff
"""One call of a chain."""


class Chain(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """`POST /api/v1/chain`: 1 to 64 calls. `stops`: the first that is refused is the last that is
    made.
    """

    calls: list[Link]
    stops: bool = False


class ChainResult(msgspec.Struct, omit_defaults=True):
    """What became of one call: its `problem`, or what it gave."""

    etag: str = ""
    data: bytes | None = None
    open: OpenReply | None = None
    session: SessionReply | None = None
    problem: Problem | None = None


class ChainReply(msgspec.Struct):
    """One result for each call that was made, in order: fewer than asked where it stopped, or has
    fetched 512 KiB.
    """

    results: list[ChainResult]
