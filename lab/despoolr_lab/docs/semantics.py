"""docs/share-semantics.md, generated: the rules of the share engine as tables, from the very tables
that it applies.

    python -m despoolr_lab.docs.semantics > docs/share-semantics.md

A house test compares the page with what this prints. Nothing about a rule is written here that the
engine does not say.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable
from typing import Final

from despoolr_core.rules.conflict import DELETES, READS, WRITES, conflicts, wants
from despoolr_core.share.modes import (
    HTTP_STATUS,
    WIN32_CODE,
    Access,
    CreateAction,
    NtStatus,
    render_access,
    render_share_mode,
)
from despoolr_server.engine.deletion import MARK_RULES
from despoolr_server.engine.dispositions import (
    BEFORE_DELETE_PENDING,
    EXISTING,
    GENERIC,
    IMPLIED,
    MISSING,
)
from despoolr_server.engine.ranges import (
    EXCLUSIVE,
    IO_AGAINST_LOCK,
    LOCK_AGAINST_LOCK,
    OTHERS,
    OWN,
    READ,
    SHARED,
    WRITE,
    meet,
)
from despoolr_server.engine.renames import RENAME_RULES

HEAD: Final = """\
# What a share allows

The rules of every share, table by table. This page is generated from the tables that the share
engine applies (`python -m despoolr_lab.docs.semantics`); a test holds it to them.
[share-api.md](share-api.md) shows the calls over HTTP. The sources are [MS-FSA] and [MS-SMB2];
where Samba and Windows differ, these rules are those of Windows.
"""

SPANS: Final = (
    (100, 10),
    (95, 10),
    (105, 10),
    (103, 2),
    (90, 10),
    (110, 10),
    (100, 0),
    (105, 0),
    (109, 0),
    (110, 0),
)
"""Ranges that are set against bytes 100 to 109."""


def page() -> str:
    """The whole document as Markdown text."""
    parts = [
        HEAD,
        *_sharing(),
        *_dispositions(),
        *_deleting(),
        *_renaming(),
        *_ranges(),
        *_sessions(),
        *_answers(),
    ]
    return "\n".join(parts)


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table with these heads and rows; bars in cells are escaped."""
    heads = list(heads)
    lines = ["| " + " | ".join(heads) + " |", "| " + " | ".join("---" for _ in heads) + " |"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """A paragraph, wrapped as the other pages are."""
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False) + "\n"


def _code(text: str) -> str:
    return f"`{text}`"


def _status(status: NtStatus | CreateAction | None) -> str:
    if status is None:
        return "goes ahead"
    return _code(status.value.removeprefix("STATUS_"))


def _rights(mask: int) -> str:
    return ", ".join(
        _code(name)
        for name, bit in Access.__members__.items()
        if bit.value and mask & bit and name == bit.name
    )


def _sharing() -> list[str]:
    wanted = {"reads": READS, "writes": WRITES, "deletes": DELETES}
    rest = ~(READS | WRITES | DELETES) & 0x1F01FF
    takes = [
        table(
            ["An open that has", "counts as one that"],
            [[_rights(mask), word] for word, mask in wanted.items()],
        )
    ]
    words = list(wanted)
    rows = []
    for shared in range(8):
        row = [_code(render_share_mode(shared))]
        for word in words:
            row.append("refused" if conflicts(wants(wanted[word]), 7, 7, shared) else "may")
        row.append("refused" if conflicts(wants(rest), 0, 7, shared) else "may")
        rows.append(row)
    return [
        "## Who may open what others have open\n",
        _text(
            "Two opens of one file or directory coexist only if each wants no more than the "
            "other shares. Who the openers are does not matter: a program conflicts with "
            "itself. An open with none of these rights conflicts with nobody, and denies nobody "
            "anything."
        ),
        *takes,
        _text(
            "The holder has the file open with every right, and shares what the row says. A "
            "newcomer shares everything, and wants what the column says:"
        ),
        table(["held sharing", *words, "none of these"], rows),
        _text(
            "The same table holds the other way round, for a newcomer that shares what the row "
            "says, and a holder that does what the column says. *Refused* is "
            "`SHARING_VIOLATION`."
        ),
        _text(
            "Generic rights are what they map to, and `MAXIMUM_ALLOWED` is all that the "
            "caller's rights on the path (and the file's READONLY attribute) permit:"
        ),
        table(
            ["Right", "is"],
            [[_rights(generic), _code(render_access(bits))] for generic, bits in GENERIC.items()],
        ),
    ]


def _dispositions() -> list[str]:
    rows = []
    for disposition, existing in EXISTING.items():
        implied = IMPLIED[existing] if isinstance(existing, CreateAction) else 0
        rows.append(
            [
                _code(disposition.value),
                _status(MISSING[disposition]),
                _status(existing),
                _rights(implied) or "-",
            ]
        )
    before = ", ".join(_status(status) for status in sorted(BEFORE_DELETE_PENDING))
    return [
        "## What an open does to a name\n",
        table(
            [
                "Disposition",
                "no such name",
                "the name exists",
                "counts as wanting, while rights and sharing are checked",
            ],
            rows,
        ),
        _text(
            "The checks come in this order: options that contradict each other, the path, "
            "whether it is a directory, `CREATE` on a name that exists, delete-pending, "
            "READONLY and other attributes, rights, sharing. An open that overwrites a file "
            "which is HIDDEN or SYSTEM must ask for that attribute (`ACCESS_DENIED`). An open "
            "that overwrites and asks for attributes only must satisfy only the DELETE part of "
            "the sharing rule."
        ),
        _text(
            "A name that is delete-pending answers `DELETE_PENDING`, except where the answer is "
            f"{before} anyway."
        ),
    ]


def _deleting() -> list[str]:
    rows = [
        [rule.when, _status(rule.status), _status(rule.status) if rule.forbids_clearing else "-"]
        for rule in MARK_RULES
    ]
    return [
        "## Deleting what is open\n",
        _text(
            "Delete-pending is one flag on the name. It is set at once by the delete "
            "disposition of a handle, and by a handle with `DELETE_ON_CLOSE` when that closes. "
            "While it is set, no open is granted; handles that were open before go on reading, "
            "writing and locking. The name is deleted when the last handle of any kind closes, "
            "even if it is READONLY."
        ),
        table(["When", "setting it is answered", "clearing it is answered"], rows),
    ]


def _renaming() -> list[str]:
    rows = [
        [str(number), rule.when, _status(rule.status)]
        for number, rule in enumerate(RENAME_RULES, 1)
    ]
    return [
        "## Renaming what is open\n",
        _text(
            "The first rule that holds is the answer; if none does, the rename goes ahead, and "
            "every other handle on the file follows it, with its locks."
        ),
        table(["", "When", "Answer"], rows),
    ]


def _ranges() -> list[str]:
    def may(rule: dict[tuple[str, str, str], bool], kind: str) -> list[str]:
        return [
            "may" if rule[kind, held, owner] else "refused"
            for held in (SHARED, EXCLUSIVE)
            for owner in (OWN, OTHERS)
        ]

    heads = ["", *(f"{owner} {held}" for held in (SHARED, EXCLUSIVE) for owner in (OWN, OTHERS))]
    spans = [
        [f"{o}, {n}", "meets it" if meet((o, o + n), (100, 110)) else "does not"] for o, n in SPANS
    ]
    return [
        "## Locking ranges of bytes\n",
        _text(
            "The owner of a lock is a handle: another handle of the same session counts as "
            "somebody else. If two ranges overlap, a lock beside a lock:"
        ),
        table(
            heads, [[_code(kind), *may(LOCK_AGAINST_LOCK, kind)] for kind in (SHARED, EXCLUSIVE)]
        ),
        _text(
            "*Refused* is `LOCK_NOT_GRANTED`; a request that may wait waits instead. A read or "
            "write that touches any locked byte is refused as a whole, with "
            "`FILE_LOCK_CONFLICT`:"
        ),
        table(
            heads, [[_code(kind.lower()), *may(IO_AGAINST_LOCK, kind)] for kind in (READ, WRITE)]
        ),
        _text(
            "Ranges are an offset and a length, both 64 bits, wherever the file ends. A range "
            "of no bytes is the point before its byte, and meets another range only strictly "
            "inside it; reading or writing nothing meets nobody. Against 100, 10:"
        ),
        table(["Offset, length", ""], spans),
        _text(
            "Several ranges are locked together or not at all. An unlock must name offset and "
            "length exactly; if several locks are stacked, it takes the exclusive one first. If "
            "one of several unlocks fails, those before it stay done. A close releases the "
            "handle's locks and no others. A waiting request holds nobody back. Overwriting and "
            "setting the size do not look at locks."
        ),
    ]


def _sessions() -> list[str]:
    ended = [
        ["the handle was closed, by its owner or by force", NtStatus.FILE_CLOSED],
        ["the handle is another session's, or another machine's", NtStatus.FILE_CLOSED],
        ["its session logged off, lapsed, or was replaced", NtStatus.USER_SESSION_DELETED],
        ["its session left the share", NtStatus.NETWORK_NAME_DELETED],
    ]
    return [
        "## When a session ends\n",
        _text(
            "Logging off, a lease that is over, a new session that takes the old one's place, and "
            "leaving a share all have the same effect: the session's opens and locks end, and "
            "its waits for locks are answered `CANCELLED`. Files that were to be deleted on "
            "close are deleted, and whoever waited for one of the locks gets it. A close also "
            "ends the waits of its handle, with `RANGE_NOT_LOCKED`. A late call on a handle is "
            "answered:"
        ),
        table(
            ["When", "Answer"], [[str(when), _status(NtStatus(status))] for when, status in ended]
        ),
    ]


def _answers() -> list[str]:
    rows = [
        [_status(status), str(HTTP_STATUS[status]), str(WIN32_CODE[status])]
        for status in NtStatus
        if status not in (NtStatus.SUCCESS, NtStatus.PENDING)
    ]
    return ["## Answers\n", table(["Answer", "HTTP", "Win32"], rows)]


if __name__ == "__main__":
    sys.stdout.write(page())
