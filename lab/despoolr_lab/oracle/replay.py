"""Playing a unit of steps against a server, as an HTTP client would.

The law: a step is one or a few calls of the public API and is judged by the `nt_status` that comes
back; nothing looks into the server. The sessions of a unit are its own, and end with it. After a
step in which Windows and Samba part, the disk that Samba left says nothing about ours, so it is not
compared any more.

What has no word of its own in HTTP is played by what means the same: a lock that waits is a call
that is not answered, a dropped connection is a client that falls silent until its lease is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import msgspec

from despoolr_lab.oracle.cases import DIRECTORY, SUCCESS, Step, Unit, truth
from despoolr_lab.oracle.connection import Pool
from despoolr_lab.oracle.server import SHARE, OracleServer

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
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


class Inexpressible(Exception):
    """A step that this replay has no calls for."""


class Unready(Exception):
    """A unit's files or sessions could not be made."""


@dataclass(slots=True)
class CaseOutcome:
    """What became of one case: `difference` is empty if it agrees, `cannot` says what could not be
    expressed.
    """

    case: str
    difference: str = ""
    cannot: str = ""


@dataclass(frozen=True, slots=True)
class OracleReply:
    """One answer: its status by its NT name, and the JSON or bytes that came with it."""

    status: str
    body: Any = None


class Asker:
    """One server, asked over kept connections as any number of machines."""

    def __init__(self, server: OracleServer, pool: Pool) -> None:
        self._server = server
        self._pool = pool
        self._headers: dict[str, str] = {}

    async def ask(
        self, who: str, method: str, target: str, body: Any = None, *, session: str = ""
    ) -> OracleReply:
        """One call as a machine, in a session if one is named. Raises `OSError` if nobody
        answers.
        """
        headers = self._headers.get(who)
        if headers is None:
            headers = self._headers[who] = f"Authorization: Bearer {self._server.token(who)}\r\n"
        if session:
            headers += f"Despoolr-Session: {session}\r\n"
        data = body if isinstance(body, bytes) else b"" if body is None else _encode(body)
        status, head, content = await self._pool.call(method, target, headers, data)
        if b"Content-Type: application/json" in head:
            return OracleReply(SUCCESS, _decode(content))
        if status < 400:
            return OracleReply(SUCCESS, content)
        answer = _decode(content) if b"Content-Type: application/problem+json" in head else {}
        return OracleReply(str(answer.get("nt_status") or f"HTTP {status}"), answer)


@dataclass
class Replay:
    """One unit's world: a directory of its own, a session for each `who`, the handles by their
    names in the script.
    """

    asker: Asker
    unit: Unit
    directory: str
    sessions: dict[str, str] = field(default_factory=dict)
    handles: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """By its name: who opened it, in which session, and its id."""
    parked: dict[str, asyncio.Task[OracleReply]] = field(default_factory=dict)
    machines: dict[str, str] = field(default_factory=dict)
    """The machine behind a name, where that is not its own."""
    _begun: list[tuple[str, str]] = field(default_factory=list)
    _request_number: int = 0

    async def run(self) -> list[CaseOutcome]:
        """Play it all; what became of each case."""
        outcomes = [CaseOutcome(case, cannot=self.unit.cannot) for case in self.unit.cases]
        if self.unit.cannot:
            return outcomes
        try:
            await self._prepare()
            await self._play(outcomes)
        except (OSError, Unready, KeyError) as error:  # a step that lacks a key is none we know
            for outcome in outcomes:
                outcome.difference = outcome.difference or f"it could not be played: {error!r}"
        finally:
            await self._clean_up()
        return outcomes

    async def _play(self, outcomes: list[CaseOutcome]) -> None:
        parted = False
        for number, step in enumerate(self.unit.steps):
            mine = outcomes if step.get("case") is None else [outcomes[step["case"]]]
            try:
                difference = await self._step(step, parted)
            except Inexpressible as error:
                for outcome in mine:
                    outcome.cannot = str(error)
                return
            if difference:
                for outcome in mine:
                    outcome.difference = (
                        outcome.difference or f"step {number}: {step['op']}: {difference}"
                    )
                if self.unit.is_script or step.get("case") is None:
                    return
            parted = parted or (self.unit.is_script and truth(step) != step["status"])

    async def _prepare(self) -> None:
        await self._must("MKCOL", self._url(""))
        plain = []
        for path, content in self.unit.files.items():
            if content == DIRECTORY:
                await self._must("MKCOL", self._url(path))
            else:
                plain.append((path, b"x" * int(content)))
        await asyncio.gather(*(self._must("PUT", self._url(path), data) for path, data in plain))

    async def _must(self, method: str, url: str, data: bytes | None = None) -> None:
        reply = await self.asker.ask("Z", method, url, data)
        if reply.status != SUCCESS:
            raise Unready(f"{method} {url}: {reply.status}")

    async def _clean_up(self) -> None:
        for who, session in self._begun:
            await self.asker.ask(self._machine(who), "DELETE", f"/api/v1/sessions/{session}")
        if self.parked:
            await asyncio.gather(*self.parked.values(), return_exceptions=True)

    # -- names

    def _machine(self, who: str) -> str:
        """The machine behind a name: `A2` is a second session of A's."""
        return self.machines.get(who) or who.rstrip("0123456789") or who

    def _path(self, path: str) -> str:
        path = path.strip("\\/")
        return f"{self.directory}\\{path}" if path else self.directory

    def _url(self, path: str) -> str:
        return f"/{SHARE}/" + quote(self._path(path).replace("\\", "/"))

    async def _session(self, who: str) -> str:
        """The session of a name, begun at first use; a machine that will fall silent has a short
        lease.
        """
        session = self.sessions.get(who)
        if session is None:
            silent = any(
                step["op"] in _DROPS and self._machine(step["who"]) == self._machine(who)
                for step in self.unit.steps
            )
            session = self.sessions[who] = await self._log_on(
                who, SILENT_LEASE_S if silent else LEASE_S
            )
        return session

    async def _log_on(self, who: str, lease_s: float = LEASE_S, previous: str = "") -> str:
        asked = {"program": "oracle", "lease_s": lease_s} | (
            {"previous": previous} if previous else {}
        )
        reply = await self.asker.ask(self._machine(who), "POST", "/api/v1/sessions", asked)
        if reply.status != SUCCESS:
            raise Unready(f"no session for {who}: {reply.status}")
        session = str(reply.body["session"])
        self._begun.append((who, session))
        return session

    async def _of_handle(
        self, step: Step, method: str, target: str = "", body: Any = None
    ) -> OracleReply:
        """A call on a handle, in the session that opened it unless the step says whose."""
        owner, session, handle = self.handles.get(step["handle"], ("", "", "O0"))
        who = step.get("who") or owner or "A"
        if who != owner or not session:
            session = await self._session(who)
        return await self.asker.ask(
            self._machine(who), method, f"/api/v1/opens/{handle}{target}", body, session=session
        )

    # -- judging

    async def _step(self, step: Step, parted: bool) -> str:
        """Play a step; how its answer differs from the truth, or `""`."""
        op = step["op"]
        if op == "await_count":
            return await self._await_count(step)
        name = _operation(op)
        if name not in OPERATIONS:
            raise Inexpressible(f"the operation {op}")
        play: Callable[[Step], Awaitable[OracleReply]] = getattr(self, f"_{name}")
        reply = await play(step)
        if op == "close_if_open":
            return ""
        if op == "disk":
            return "" if parted else _compare_disk(step, reply)
        if step["status"].startswith("("):
            return "" if reply.status == SUCCESS else reply.status
        expected = truth(step)
        if reply.status != expected:
            return f"{reply.status} instead of {expected}"
        if expected != SUCCESS or step["status"] != SUCCESS or parted:
            return ""
        return self._details(step, reply.body)

    def _details(self, step: Step, body: Any) -> str:
        """What else the step tells of a success."""
        told: dict[str, Any] = {}
        op = step["op"]
        if op in ("open", "open_until", "probe"):
            told = {
                key: body[key]
                for key in ("action", "size")
                if key in step and not (op == "probe" and key == "action")
            }
        elif op == "query_standard":
            names = {
                "end_of_file": "size",
                "links": "links",
                "delete_pending": "delete_pending",
                "directory": "directory",
            }
            told = {"info": {name: body[names[name]] for name in step["info"] if name in names}}
            if body["directory"]:
                # a directory's size is nobody's business
                step = step | {"info": step["info"] | {"end_of_file": body["size"]}}
        elif op == "query_name":
            told = {"name": body["path"].replace("/", "\\").removeprefix(self.directory + "\\")}
        elif (
            op == "list" and "names" in step
        ):  # a step without them tells nothing of what is listed
            told = {"names": [entry["name"] for entry in body["entries"]]}
        elif op == "read" and "result" in step:
            told = {"result": f"{len(body)} bytes"}
        for key, value in told.items():
            if value != step[key]:
                return f"{key} {value} instead of {step[key]}"
        return ""

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
        reply = await self.asker.ask(self._machine(who), "POST", "/api/v1/opens", asked)
        if reply.status == SUCCESS:
            self.handles[step["handle"]] = (who, session, str(reply.body["open"]))
        return reply

    async def _open_until(self, step: Step) -> OracleReply:
        return await _again(lambda: self._open(step))

    async def _close(self, step: Step) -> OracleReply:
        return await self._of_handle(step, "DELETE")

    async def _close_if_open(self, step: Step) -> OracleReply:
        if step["handle"] not in self.handles:
            return OracleReply(SUCCESS)
        reply = await self._close(step)
        del self.handles[step["handle"]]
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
        return await self.asker.ask("Z", "GET", self._url(step["path"]) + "?stat=true")

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
                self.parked[step["handle"]] = call
                if "request" in step:
                    self.parked[step["request"]] = call
                return OracleReply(PENDING)
            await asyncio.sleep(LOOK_S)
        return await call

    async def _lock_until(self, step: Step) -> OracleReply:
        return await _again(lambda: self._lock(step))

    async def _await(self, step: Step) -> OracleReply:
        """The final answer to a lock that waits, or that it waits still."""
        return await self._answer_of(step["handle"], step.get("timeout") or UNTIL_S)

    async def _await_count(self, step: Step) -> str:
        replies = await asyncio.gather(
            *(self._answer_of(handle, step.get("timeout") or UNTIL_S) for handle in step["handles"])
        )
        granted = sum(reply.status == SUCCESS for reply in replies)
        got = f"({granted} of {len(replies)} granted)"
        return "" if got == step["status"] else f"{got} instead of {step['status']}"

    async def _answer_of(self, name: str, timeout_s: float) -> OracleReply:
        call = self.parked.get(name)
        if call is None:
            return OracleReply("nothing waits there")
        done, _ = await asyncio.wait([call], timeout=timeout_s)
        return await call if done else OracleReply(PENDING)

    async def _cancel(self, step: Step) -> OracleReply:
        name = step.get("request") or step["handle"]
        call = self.parked.get(name)
        if call is None:
            return OracleReply("nothing waits there")
        handle = next(handle for handle in self.handles if self.parked.get(handle) is call)
        return await self._of_handle(
            {"handle": handle}, "DELETE", f"/locks?request={call.get_name()}"
        )

    # -- sessions

    async def _logoff(self, step: Step) -> OracleReply:
        """Log off; the script may go on speaking in the session that is gone."""
        session = await self._session(step["who"])
        return await self.asker.ask(
            self._machine(step["who"]), "DELETE", f"/api/v1/sessions/{session}"
        )

    async def _tree_disconnect(self, step: Step) -> OracleReply:
        session = await self._session(step["who"])
        return await self.asker.ask(
            self._machine(step["who"]), "DELETE", f"/api/v1/sessions/{session}/shares/{SHARE}"
        )

    async def _tree_connect(self, step: Step) -> OracleReply:
        session = await self._session(step["who"])
        return await self.asker.ask(
            self._machine(step["who"]), "PUT", f"/api/v1/sessions/{session}/shares/{SHARE}"
        )

    async def _new_session_replacing(self, step: Step) -> OracleReply:
        previous = await self._session(step["old"])
        who = step["who"]
        # the server ends only what is the same machine's
        self.machines[who] = self._machine(step["old"])
        self.sessions[who] = await self._log_on(who, previous=previous)
        return OracleReply(SUCCESS)

    async def _drop_tcp(self, step: Step) -> OracleReply:
        """Fall silent, for as long as the lease runs; the others' leases are kept alive
        meanwhile.
        """
        machine = self._machine(step["who"])
        others = [
            (who, session)
            for who, session in self.sessions.items()
            if self._machine(who) != machine
        ]
        for _ in range(KEEP_ALIVES):
            await asyncio.sleep(SILENT_LEASE_S / KEEP_ALIVES)
            for who, session in others:
                await self.asker.ask(self._machine(who), "PUT", f"/api/v1/sessions/{session}")
        return OracleReply(SUCCESS)

    async def _forget(self, step: Step) -> OracleReply:
        self.sessions.pop(step["who"], None)
        return OracleReply(SUCCESS)

    async def _sleep(self, step: Step) -> OracleReply:
        await asyncio.sleep(step["seconds"])
        return OracleReply(SUCCESS)


OPERATIONS: Final = frozenset(
    (
        *(
            "open",
            "open_until",
            "close",
            "close_if_open",
            "read",
            "write",
            "set_disposition",
            "rename",
            "set_attributes",
        ),
        *(
            "set_eof",
            "query_standard",
            "query_name",
            "list",
            "probe",
            "disk",
            "lock",
            "lock_until",
            "await",
            "cancel",
        ),
        *(
            "logoff",
            "tree_disconnect",
            "tree_connect",
            "new_session_replacing",
            "drop_tcp",
            "forget",
            "sleep",
        ),
    )
)
"""The oracle's operations that have calls here (`await_count` is judged by itself)."""


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


def _compare_disk(step: Step, reply: OracleReply) -> str:
    got = "present" if reply.status == SUCCESS else "absent"
    if got != step["result"]:
        return f"{step['path']} is {got} instead of {step['result']}"
    if "size" in step and got == "present" and reply.body.get("size", 0) != step["size"]:
        return f"{step['path']} has {reply.body.get('size', 0)} bytes instead of {step['size']}"
    return ""
