"""The operations of case files as calls of the public API, in one unit's world.

The law: a unit has a directory, sessions and handles of its own. What has no word of its own in
HTTP is played by what means the same: a lock that waits is a call that is not answered, a dropped
connection is a client that falls silent until its lease is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

from despoolr_lab.oracle.asker import Asker, OracleReply
from despoolr_lab.oracle.cases import DIRECTORY, SUCCESS, Step, Unit
from despoolr_lab.oracle.server import SHARE

LEASE_S: Final = 600.0
SILENT_LEASE_S: Final = 2.0
"""The lease of a machine that is going to fall silent."""
KEEP_ALIVES: Final = 4
"""How often in such a lease the others say that they are still there."""
UNTIL_S: Final = 5.0
"""How long something is tried again, or waited for."""
LOOK_S: Final = 0.002
PENDING: Final = "STATUS_PENDING"
_DROPS: Final = ("drop_tcp",)


class Inexpressible(Exception):
    """A step that there are no calls for."""


class Unready(Exception):
    """A unit's files or sessions could not be made."""


class UnitCalls:
    """One unit's directory, a session for each `who`, the handles by their names in the script."""

    def __init__(self, asker: Asker, unit: Unit, directory: str) -> None:
        self._asker = asker
        self._unit = unit
        self._directory = directory
        self._sessions: dict[str, str] = {}
        self._handles: dict[str, tuple[str, str, str]] = {}
        """By its name: who opened it, in which session, and its id."""
        self._parked: dict[str, asyncio.Task[OracleReply]] = {}
        self._machines: dict[str, str] = {}
        """The machine behind a name, where that is not its own."""
        self._begun: list[tuple[str, str]] = []
        self._request_number = 0
        self.operations: Final[dict[str, Callable[[Step], Awaitable[OracleReply]]]] = {
            "open": self._open,
            "open_until": self._open_until,
            "close": self._close,
            "close_if_open": self._close_if_open,
            "read": self._read,
            "write": self._write,
            "set_disposition": self._set_disposition,
            "rename": self._rename,
            "set_attributes": self._set_attributes,
            "set_eof": self._set_eof,
            "query_standard": self._query_standard,
            "query_name": self._query_name,
            "list": self._list,
            "probe": self._probe,
            "disk": self._disk,
            "lock": self._lock,
            "lock_until": self._lock_until,
            "await": self._await,
            "cancel": self._cancel,
            "logoff": self._logoff,
            "tree_disconnect": self._tree_disconnect,
            "tree_connect": self._tree_connect,
            "new_session_replacing": self._new_session_replacing,
            "drop_tcp": self._drop_tcp,
            "forget": self._forget,
            "sleep": self._sleep,
        }
        """What has calls here, by the names of case files."""

    async def prepare(self) -> None:
        """Make the unit's files. Raises `Unready`, and `OSError` where nobody answers."""
        await self._must("MKCOL", self._url(""))
        plain = []
        for path, content in self._unit.files.items():
            if content == DIRECTORY:
                await self._must("MKCOL", self._url(path))
            else:
                plain.append((path, b"x" * int(content)))
        await asyncio.gather(*(self._must("PUT", self._url(path), data) for path, data in plain))

    async def _must(self, method: str, url: str, data: bytes | None = None) -> None:
        reply = await self._asker.ask("Z", method, url, data)
        if reply.status != SUCCESS:
            raise Unready(f"{method} {url}: {reply.status}")

    async def clean_up(self) -> None:
        """End the sessions, and with them what waits."""
        for who, session in self._begun:
            await self._asker.ask(self._machine(who), "DELETE", f"/api/v1/sessions/{session}")
        if self._parked:
            await asyncio.gather(*self._parked.values(), return_exceptions=True)

    async def play(self, step: Step) -> OracleReply:
        """The answer to a step's calls. Raises `Inexpressible`; `KeyError` for a step that lacks
        something.
        """
        operation = self.operations.get(_operation(step["op"]))
        if operation is None:
            raise Inexpressible(f"the operation {step['op']}")
        return await operation(step)

    async def granted_count(self, handles: list[str], timeout_s: float | None) -> int:
        """How many of the locks that wait on handles were granted, in that time at most."""
        waits = (self._answer_of(handle, timeout_s or UNTIL_S) for handle in handles)
        return sum(reply.status == SUCCESS for reply in await asyncio.gather(*waits))

    # -- names

    def _machine(self, who: str) -> str:
        """The machine behind a name: `A2` is a second session of A's."""
        return self._machines.get(who) or who.rstrip("0123456789") or who

    def _path(self, path: str) -> str:
        path = path.strip("\\/")
        return f"{self._directory}\\{path}" if path else self._directory

    def _url(self, path: str) -> str:
        return f"/{SHARE}/" + quote(self._path(path).replace("\\", "/"))

    async def _session(self, who: str) -> str:
        """The session of a name, begun at first use; a machine that will fall silent has a short
        lease.
        """
        session = self._sessions.get(who)
        if session is None:
            silent = any(
                step["op"] in _DROPS and self._machine(step["who"]) == self._machine(who)
                for step in self._unit.steps
            )
            session = self._sessions[who] = await self._log_on(
                who, SILENT_LEASE_S if silent else LEASE_S
            )
        return session

    async def _log_on(self, who: str, lease_s: float = LEASE_S, previous: str = "") -> str:
        asked = {"program": "oracle", "lease_s": lease_s} | (
            {"previous": previous} if previous else {}
        )
        reply = await self._asker.ask(self._machine(who), "POST", "/api/v1/sessions", asked)
        if reply.status != SUCCESS:
            raise Unready(f"no session for {who}: {reply.status}")
        session = str(reply.body["session"])
        self._begun.append((who, session))
        return session

    async def _of_handle(
        self, step: Step, method: str, target: str = "", body: Any = None
    ) -> OracleReply:
        """A call on a handle, in the session that opened it unless the step says whose."""
        owner, session, handle = self._handles.get(step["handle"], ("", "", "O0"))
        who = step.get("who") or owner or "A"
        if who != owner or not session:
            session = await self._session(who)
        return await self._asker.ask(
            self._machine(who), method, f"/api/v1/opens/{handle}{target}", body, session=session
        )

    # -- the operations, by the oracle's names

    async def _open(self, step: Step) -> OracleReply:
        who = step.get("who", "A")
        session = await self._session(who)
        asked = {
            "session": session,
            "share": SHARE,
            "path": self._path(step["path"]),
            "access": step["access"],
            "share_mode": step["share"],
            "disposition": step.get("disposition", "OPEN"),
            "options": step.get("options", "NON_DIRECTORY_FILE"),
            "attributes": step.get("attributes") or "",
        }
        reply = await self._asker.ask(self._machine(who), "POST", "/api/v1/opens", asked)
        if reply.status == SUCCESS:
            self._handles[step["handle"]] = (who, session, str(reply.body["open"]))
        return reply

    async def _open_until(self, step: Step) -> OracleReply:
        return await _again(lambda: self._open(step))

    async def _close(self, step: Step) -> OracleReply:
        return await self._of_handle(step, "DELETE")

    async def _close_if_open(self, step: Step) -> OracleReply:
        if step["handle"] not in self._handles:
            return OracleReply(SUCCESS)
        reply = await self._close(step)
        del self._handles[step["handle"]]
        return reply

    async def _read(self, step: Step) -> OracleReply:
        return await self._of_handle(
            step, "GET", f"/content?offset={step['offset']}&length={step['length']}"
        )

    async def _write(self, step: Step) -> OracleReply:
        return await self._of_handle(
            step, "PUT", f"/content?offset={step['offset']}", b"y" * step["length"]
        )

    async def _set_disposition(self, step: Step) -> OracleReply:
        return await self._of_handle(step, "PATCH", body={"delete": bool(step["delete"])})

    async def _rename(self, step: Step) -> OracleReply:
        asked = {"path": self._path(step["new"]), "replace": bool(step["replace"])}
        return await self._of_handle(step, "PATCH", body=asked)

    async def _set_attributes(self, step: Step) -> OracleReply:
        return await self._of_handle(step, "PATCH", body={"attributes": step["attributes"]})

    async def _set_eof(self, step: Step) -> OracleReply:
        return await self._of_handle(step, "PATCH", body={"size": step["size"]})

    async def _query_standard(self, step: Step) -> OracleReply:
        return await self._of_handle(step, "GET")

    async def _query_name(self, step: Step) -> OracleReply:
        return await self._of_handle(step, "GET")

    async def _list(self, step: Step) -> OracleReply:
        return await self._of_handle(step, "GET", "/entries")

    async def _probe(self, step: Step) -> OracleReply:
        asked = {
            "path": step["path"],
            "access": "READ_ATTRIBUTES",
            "share": "READ|WRITE|DELETE",
            "options": "",
        }
        reply = await self._open(asked | {"who": step.get("who", "Z"), "handle": "(probe)"})
        if reply.status == SUCCESS:
            await self._close_if_open({"handle": "(probe)"})
        return reply

    async def _disk(self, step: Step) -> OracleReply:
        return await self._asker.ask("Z", "GET", self._url(step["path"]) + "?stat=true")

    async def _lock(self, step: Step) -> OracleReply:
        elements = [
            dict(zip(("offset", "length", "flags"), element, strict=True))
            for element in step["elements"]
        ]
        may_wait = len(elements) == 1 and elements[0]["flags"] in ("SHARED", "EXCLUSIVE")
        if not may_wait:
            return await self._of_handle(step, "POST", "/locks", {"locks": elements})
        self._request_number += 1
        request = f"q{self._request_number}"
        call = asyncio.create_task(
            self._of_handle(step, "POST", "/locks", {"locks": elements, "request": request})
        )
        call.set_name(request)
        while not call.done():
            waits = await self._of_handle(step, "GET", "/locks")
            if waits.status == SUCCESS and any(
                one.get("request") == request for one in waits.body.get("waiting", ())
            ):
                self._parked[step["handle"]] = call
                if "request" in step:
                    self._parked[step["request"]] = call
                return OracleReply(PENDING)
            await asyncio.sleep(LOOK_S)
        return await call

    async def _lock_until(self, step: Step) -> OracleReply:
        return await _again(lambda: self._lock(step))

    async def _await(self, step: Step) -> OracleReply:
        """The final answer to a lock that waits, or that it waits still."""
        return await self._answer_of(step["handle"], step.get("timeout") or UNTIL_S)

    async def _answer_of(self, name: str, timeout_s: float) -> OracleReply:
        call = self._parked.get(name)
        if call is None:
            return OracleReply("nothing waits there")
        done, _ = await asyncio.wait([call], timeout=timeout_s)
        return await call if done else OracleReply(PENDING)

    async def _cancel(self, step: Step) -> OracleReply:
        name = step.get("request") or step["handle"]
        call = self._parked.get(name)
        if call is None:
            return OracleReply("nothing waits there")
        handle = next(handle for handle in self._handles if self._parked.get(handle) is call)
        return await self._of_handle(
            {"handle": handle}, "DELETE", f"/locks?request={call.get_name()}"
        )

    # -- sessions

    async def _logoff(self, step: Step) -> OracleReply:
        """Log off; the script may go on speaking in the session that is gone."""
        session = await self._session(step["who"])
        return await self._asker.ask(
            self._machine(step["who"]), "DELETE", f"/api/v1/sessions/{session}"
        )

    async def _tree_disconnect(self, step: Step) -> OracleReply:
        session = await self._session(step["who"])
        return await self._asker.ask(
            self._machine(step["who"]), "DELETE", f"/api/v1/sessions/{session}/shares/{SHARE}"
        )

    async def _tree_connect(self, step: Step) -> OracleReply:
        session = await self._session(step["who"])
        return await self._asker.ask(
            self._machine(step["who"]), "PUT", f"/api/v1/sessions/{session}/shares/{SHARE}"
        )

    async def _new_session_replacing(self, step: Step) -> OracleReply:
        previous = await self._session(step["old"])
        who = step["who"]
        # the server ends only what is the same machine's
        self._machines[who] = self._machine(step["old"])
        self._sessions[who] = await self._log_on(who, previous=previous)
        return OracleReply(SUCCESS)

    async def _drop_tcp(self, step: Step) -> OracleReply:
        """Fall silent, for as long as the lease runs; the others' leases are kept alive
        meanwhile.
        """
        machine = self._machine(step["who"])
        others = [
            (who, session)
            for who, session in self._sessions.items()
            if self._machine(who) != machine
        ]
        for _ in range(KEEP_ALIVES):
            await asyncio.sleep(SILENT_LEASE_S / KEEP_ALIVES)
            for who, session in others:
                await self._asker.ask(self._machine(who), "PUT", f"/api/v1/sessions/{session}")
        return OracleReply(SUCCESS)

    async def _forget(self, step: Step) -> OracleReply:
        self._sessions.pop(step["who"], None)
        return OracleReply(SUCCESS)

    async def _sleep(self, step: Step) -> OracleReply:
        await asyncio.sleep(step["seconds"])
        return OracleReply(SUCCESS)


def _operation(op: str) -> str:
    """An operation's name here; those that end things have several in the field."""
    plain = op.replace("_", "")
    if "cancel" in plain:
        return "cancel"
    if "logoff" in plain:
        return "logoff"
    if plain.startswith("tdis") or ("tree" in plain and "disconnect" in plain):
        return "tree_disconnect"
    return "tree_connect" if plain in ("tcon", "treeconnect") else op


async def _again(attempt: Callable[[], Awaitable[OracleReply]]) -> OracleReply:
    """Try until it succeeds, or for `UNTIL_S`."""
    loop = asyncio.get_running_loop()
    end = loop.time() + UNTIL_S
    while True:
        reply = await attempt()
        if reply.status == SUCCESS or loop.time() > end:
            return reply
        await asyncio.sleep(LOOK_S)
