"""Every disposition against a held file: status, create action and size, as the oracle's matrix has
them.
"""

from __future__ import annotations

from typing import Any

from despoolr_core.share.modes import (
    Access,
    CreateAction,
    Disposition,
    NtStatus,
    Role,
    ShareMode,
    parse_flags,
)
from despoolr_server.engine.dispositions import EXISTING, IMPLIED, MISSING
from despoolr_server.engine.engine import ShareEngine
from despoolr_server.engine.names import Name
from despoolr_server.engine.rows import Ask, FileFacts, Granted, Refusal, Session
from worlds.support import oracle

FACTS = FileFacts("f", 10, 0.0, False, 0, '"1"')
TRUNCATING = (CreateAction.OVERWRITTEN, CreateAction.SUPERSEDED)


def test_every_disposition_has_an_answer_for_a_name_that_exists_and_one_that_does_not() -> None:
    assert set(EXISTING) == set(MISSING) == set(Disposition)
    assert set(IMPLIED) == set(CreateAction)


def ask(access: str, share: str, disposition: str = "OPEN") -> Ask:
    return Ask(
        "T",
        Name("f", "F"),
        parse_flags(Access, access),
        parse_flags(ShareMode, share),
        Disposition(disposition),
    )


def test_the_oracles_matrix_agrees() -> None:
    rows = oracle("dispositions")["rows"]
    assert len(rows) > 2000
    wrong: list[tuple[Any, object]] = []
    for row in rows:
        (
            first_access,
            first_share,
            second_access,
            second_share,
            disposition,
            samba,
            action,
            size,
            status,
        ) = row
        engine = ShareEngine()
        session = engine.sessions.start(
            0.0, machine="A", user="", program="", role=Role.CLIENT, owner="A", lease_s=0.0
        )
        assert isinstance(session, Session)
        assert isinstance(engine.open(0.0, session, ask(first_access, first_share), FACTS), Granted)
        answer = engine.open(0.0, session, ask(second_access, second_share, disposition), FACTS)
        got = answer.status if isinstance(answer, Refusal) else NtStatus.SUCCESS
        if got != status:
            wrong.append((row, got))
            continue
        size_after = 0 if isinstance(answer, Granted) and answer.action in TRUNCATING else 10
        if (
            samba == status
            and isinstance(answer, Granted)
            and (answer.action, size_after) != (action, size)
        ):
            wrong.append((row, answer.action))
    assert wrong == []
