"""What changed about a job between two looks at it, in lines for a person. Pure.

The law: every change of the job's status and of each row of its details is one line, in the order
of their times; many rows of one kind that went the same way at one look are one line with their
number. What did not change is not said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

EACH_MAX: Final = 10
"""Rows of one kind that go the same way and are still told one by one."""
ENDED: Final = frozenset(["Complete", "Failed", "Cancelled"])

Moment = Callable[[float], str]


def has_ended(found: dict[str, Any]) -> bool:
    """Whether a job (`{"job": ..., "details": ...}` of the API) has come to its end."""
    return found["job"]["status"] in ENDED


def changes(before: dict[str, Any] | None, now: dict[str, Any], moment: Moment) -> list[str]:
    """The lines. `before` None: everything is new, and rows that say nothing yet are left out."""
    lines: list[tuple[float, int, str]] = []
    rows: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    old = {_key(row): row["status"] for row in before["details"]} if before else {}
    for row in now["details"]:
        was = old.get(_key(row), "None")
        if row["status"] != was:
            rows.setdefault((row["kind"], was, row["status"]), []).append(row)
    for (kind, was, status), found in rows.items():
        at = max(row["updated_at"] for row in found)
        if len(found) > EACH_MAX:
            lines.append((at, 0, f"{len(found):,} {_plural(kind)}: {status}{_was(was)}"))
        else:
            lines += [
                (row["updated_at"], 0, f"{_who(row)}: {status}{_was(was)}{_said(row)}")
                for row in found
            ]
    job, was = now["job"], before["job"]["status"] if before else ""
    if job["status"] != was:
        lines.append((job["status_at"], 1, f"job {job['name']} is {job['status']}{_was(was)}"))
    return [f"{moment(at)}  {text}" for at, _, text in sorted(lines)]


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["kind"], row["site"], row["machine"]


def _who(row: dict[str, Any]) -> str:
    if row["kind"] in ("Server", "Workstation"):
        return f"{row['kind'].lower()} {row['machine']} at {row['site']}"
    return f"{row['kind'].lower()} at {row['site']}"


def _plural(kind: str) -> str:
    return {"Site Arrival": "sites, arrival", "Completion": "sites, completion"}.get(
        kind, f"{kind.lower()}s"
    )


def _was(was: str) -> str:
    return "" if was in ("", "None") else f" (was {was})"


def _said(row: dict[str, Any]) -> str:
    return f" - {row['description']}" if row.get("description") else ""
