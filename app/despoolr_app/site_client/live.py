"""The questions of an operator, put to servers that run: over HTTP, each server asked for what it
alone knows.

The law: opens and refusals live where the share is, jobs and events at the site server; a server
that does not answer, or cuts its list, is a note, and only when none answers an error. One request
at a time, through no proxy, each with a limit of time; every failure is an `AskError` that says
what to do next.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from despoolr_app.clocks.skew import skew_s
from despoolr_app.clocks.time_source import wall_now
from despoolr_app.site_client.queries import (
    AskError,
    LockAnswer,
    LockRow,
    Wanted,
    WhyAnswer,
    concerns,
    holders_of,
    lock_row,
)
from despoolr_core.records.episodes import Why
from despoolr_core.share.wire import EpisodeList, EpisodeRow, Health, OpenList, Problem

TIMEOUT_S: Final = 10.0
ANSWER_SIZE_MAX: Final = 256 * 1024 * 1024
ROWS_MAX: Final = 10_000
HISTORY_TOLERANCE_S: Final = 1.0
"""How far the record of an open may lie behind the open, in site seconds (scaled time makes
milliseconds long).
"""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A running server and the token to ask it with."""

    name: str
    url: str
    token: str


@dataclass(slots=True)
class LiveSource:
    """Running servers. Jobs and events are asked of the one that is a site server."""

    servers: Sequence[ServerAddress]
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return ", ".join(server.url for server in self.servers)

    def locks(self, wanted: Wanted, at: float | None) -> LockAnswer:
        """The opens that stand (or stood at a time), with the refusals on each server's record."""
        found = LockAnswer(self.name, at or 0.0, [], self.notes)
        for told in self._each(wanted, at):
            found.at = max(found.at, told.why.at) if at is None else at
            found.locks += [
                row for row in told.rows if wanted.takes(row.share, row.path, [row.machine])
            ]
        found.locks.sort(key=lambda r: (r.opened_at, r.path))
        return found

    def why(self, wanted: Wanted, at: float | None) -> WhyAnswer:
        """Every server's episodes, and who holds what they wait for."""
        answer = WhyAnswer(self.name, at or 0.0, [], [], [], self.notes)
        for told in self._each(wanted, at):
            pairs = [
                pair
                for pair in zip(told.why.episodes, told.why.verdicts, strict=True)
                if concerns(wanted, pair[0])
            ]
            answer.at = max(answer.at, told.why.at) if at is None else at
            answer.episodes += [row for row, _ in pairs]
            answer.verdicts += [sentence for _, sentence in pairs]
            answer.holders += holders_of(told.rows, wanted, [row for row, _ in pairs])
        return answer

    def jobs(self) -> list[dict[str, Any]]:
        return list(self._site("jobs")["jobs"])

    def job(self, job: str) -> dict[str, Any]:
        return dict(self._site(f"jobs/{quote(job, safe='')}"))

    def events(self, limit: int) -> list[dict[str, Any]]:
        return list(self._site(f"events?limit={limit}")["events"])

    def slots(self) -> dict[str, Any]:
        """Who runs which clients; from the site server."""
        return dict(self._site("slots"))

    def _each(self, wanted: Wanted, at: float | None) -> list[_Told]:
        """Every server's answer; one that does not answer is a note, unless none does."""
        answers: list[_Told] = []
        failures: list[AskError] = []
        limit = {"limit": str(ROWS_MAX)}
        machine = {"machine": wanted.machine} if wanted.machine else {}
        for server in self.servers:
            try:
                why = ask(
                    server,
                    "why?" + urlencode(limit if at is None else {"at": repr(at), **limit}),
                    Why,
                )
                episodes = ask(server, "episodes?" + urlencode(machine | limit), EpisodeList)
                listed = ask(server, "opens?" + urlencode(limit), OpenList) if at is None else None
            except AskError as error:
                failures.append(error)
                continue
            if len(why.opens) >= ROWS_MAX or episodes.count > len(episodes.episodes):
                self.notes.append(
                    f"{server.name} cut its list at {ROWS_MAX:,}; narrow the question "
                    "with --machine"
                )
            answers.append(_Told(why, _live_rows(why, episodes.episodes, listed)))
        if not answers:
            raise failures[0] if failures else AskError("there is no server to ask")
        self.notes += [str(error) for error in failures]
        return answers

    def _site(self, path: str) -> Any:
        failure: AskError | None = None
        for server in self.servers:
            try:
                return ask(server, path, object)
            except NoSuchCall as error:
                failure = failure or AskError(f"{error}; is {server.url} the site server?")
            except AskError as error:
                failure = error if failure is None or not isinstance(error, NoSuchCall) else failure
                if not isinstance(error, Unreachable):
                    raise
        raise failure or AskError("there is no server to ask")


@dataclass(frozen=True, slots=True)
class _Told:
    """One server's answer."""

    why: Why
    rows: list[LockRow]


def _live_rows(why: Why, episodes: list[EpisodeRow], listed: OpenList | None) -> list[LockRow]:
    """Each open with the refusals it has caused. `listed`: what stands now; else the opens of a
    past moment.

    An episode knows a blocker by its machine, program and the instant of its open. The list of
    opens has the same instant; the history has the record's, which is a little later.
    """
    refusals: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for episode in episodes:
        for hold in episode.holds:
            refusals.setdefault((hold.machine, hold.program), []).append(
                (hold.opened_at, hold.refusal_count)
            )
    stand = {row.open: row for row in listed.opens} if listed is not None else {}
    rows = []
    for held in why.opens:
        now = stand.get(held.open)
        if listed is not None and now is None:
            continue  # closed between the two questions
        opened_at = now.opened_at if now is not None else held.opened_at
        tolerance_s = 0.0 if listed is not None else HISTORY_TOLERANCE_S
        count = sum(
            n
            for at, n in refusals.get((held.machine, held.program), ())
            if abs(at - opened_at) <= tolerance_s
        )
        row = msgspec.structs.replace(lock_row(held, count), opened_at=opened_at)
        if now is not None:
            row = msgspec.structs.replace(
                row,
                ranges=now.ranges,
                range_count=now.range_count,
                waiting=now.waiting,
                waiting_count=now.waiting_count,
            )
        rows.append(row)
    return rows


class NoSuchCall(AskError):
    """This server has no such call: it is not of the kind that was meant."""


class Refusal(AskError):
    """The server understood and said no; `detail` is its one line."""

    def __init__(self, url: str, detail: str) -> None:
        super().__init__(f"{url}: {detail}")
        self.detail = detail


class Unreachable(AskError):
    """Nobody answers at this address."""


# -- one request


def ask(server: ServerAddress, path: str, kind: type[T], *, timeout_s: float = TIMEOUT_S) -> T:
    """`GET /api/v1/<path>` as `kind`. Raises `AskError`."""
    body = call(server, "GET", f"/api/v1/{path}", timeout_s=timeout_s)
    return _decoded(server, body, kind)


def health(server: ServerAddress, *, timeout_s: float = TIMEOUT_S) -> Health:
    """What `GET /healthz` of a server answers. Raises `AskError`."""
    return _decoded(server, call(server, "GET", "/healthz", timeout_s=timeout_s), Health)


def clock_skew_s(server: ServerAddress, *, timeout_s: float = TIMEOUT_S) -> float | None:
    """Seconds by which a server's clock is ahead of this machine's; None if it does not tell."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{server.url}/healthz", timeout=timeout_s) as response:
            return skew_s(response.headers.get("Date", ""), wall_now())
    except (OSError, http.client.HTTPException):
        return None


def fleet_facts(server: ServerAddress, *, timeout_s: float = TIMEOUT_S) -> dict[str, Any] | None:
    """`GET /healthz` of a fleet; None if a server answers there. Raises `AskError`."""
    facts = _decoded(server, call(server, "GET", "/healthz", timeout_s=timeout_s), dict)
    return facts if "fleet" in facts else None


def call(
    server: ServerAddress,
    method: str,
    target: str,
    body: bytes | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
) -> bytes:
    """One request, the body of its answer. Goes through no proxy. Raises `AskError`."""
    request = urllib.request.Request(server.url + target, data=body, method=method)
    if server.token:
        request.add_header("Authorization", f"Bearer {server.token}")
    if body is not None:
        request.add_header("Content-Type", "application/json")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout_s) as response:
            return bytes(response.read(ANSWER_SIZE_MAX))
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(server, error.code, error.read(64 * 1024)) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        if hasattr(reason, "verify_message"):  # ssl.SSLCertVerificationError, without importing ssl
            raise Unreachable(
                f"the certificate of {server.url} is not trusted ({reason.verify_message}); "
                "name the file of its CA in SSL_CERT_FILE"
            ) from None
        text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise Unreachable(
            f"{server.url} does not answer ({text}); is it running? Start one with "
            "`despoolr serve all`"
        ) from None


def _refused(server: ServerAddress, status: int, body: bytes) -> AskError:
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except msgspec.MsgspecError:
        return AskError(
            f"{server.url} answers {status}, but not as a Despoolr server; check the URL"
        )
    if status in (401, 403):
        return AskError(
            f"{server.url} does not accept the token ({status}: {problem.title.lower()}); give "
            "the one in its data directory's "
            "admin.token with --token or DESPOOLR_TOKEN"
        )
    text = problem.detail or problem.title
    return NoSuchCall(text) if problem.type.endswith("unknown-call") else Refusal(server.url, text)


def _decoded(server: ServerAddress, body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise AskError(
            f"{server.url} answers, but not as a Despoolr server of this version: {error}"
        ) from None
