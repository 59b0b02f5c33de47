"""Opens that cover a directory's names, or all below it."""

from __future__ import annotations

import pytest

from despoolr_core.share.modes import Access, Disposition, NtStatus, Role, ShareMode
from despoolr_server.engine.engine import ShareEngine
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.engine.rows import DIRECTORY, Ask, FileFacts, Granted, Open, Refusal, Session
from despoolr_server.engine.tree_locks import NAMES, TREE
from worlds.engine_law import check_engine

FACTS = FileFacts("", 0, 0.0, False, 0, '"e"')
FOLDER = FileFacts("", 0, 0.0, True, DIRECTORY, '"e"')
R, W, D = int(Access.READ), int(Access.WRITE), int(Access.DELETE)
SR, SALL = int(ShareMode.READ), int(ShareMode.ALL)


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


def begun() -> tuple[ShareEngine, Session]:
    engine = ShareEngine()
    session = engine.sessions.start(
        0.0, machine="M", user="U", program="P", role=Role.ADMIN, owner="M", lease_s=0.0
    )
    assert isinstance(session, Session)
    return engine, session


def cover(
    engine: ShareEngine,
    session: Session,
    path: str,
    covers: int,
    access: int = R | W,
    share: int = SR,
) -> Open:
    granted = engine.open(0.0, session, Ask("S", n(path), access, share, covers=covers), FOLDER)
    assert isinstance(granted, Granted), granted
    check_engine(engine)
    return granted.open


def refuses(
    engine: ShareEngine,
    path: str,
    access: int,
    share: int = SALL,
    *,
    exists: bool = True,
    under: str = "",
) -> bool:
    ask = Ask("S", n(path), access, share, Disposition.OPEN_IF, covering_handles=frozenset([under]))
    answer = engine.check(ask, FACTS if exists else None)
    assert not isinstance(answer, Refusal) or answer.status is NtStatus.SHARING_VIOLATION
    return isinstance(answer, Refusal)


@pytest.mark.parametrize("path", ["D/A", "D/E/A", "d/e/f/g"])
def test_a_cover_of_a_tree_counts_as_an_open_of_everything_in_it(path: str) -> None:
    engine, session = begun()
    row = cover(engine, session, "D", TREE)
    assert refuses(engine, path, W)
    assert refuses(engine, path, D)
    assert refuses(engine, path, R, SR)
    assert not refuses(engine, path, R, SALL)
    assert refuses(engine, path, R, SALL, exists=False)
    assert not refuses(engine, path, W, under=row.handle)
    assert not refuses(engine, path, R, exists=False, under=row.handle)
    assert not refuses(engine, "DD/A", W)
    assert not refuses(engine, "A", W, exists=False)
    engine.close(row)
    assert not refuses(engine, path, W)


def test_a_cover_of_names_minds_who_adds_and_removes_them_and_nothing_else() -> None:
    engine, session = begun()
    cover(engine, session, "D", NAMES)
    assert refuses(engine, "D/A", D)
    assert refuses(engine, "D/A", R, exists=False)
    assert not refuses(engine, "D/A", W)
    assert not refuses(engine, "D/E/A", D)
    assert not refuses(engine, "D/E/A", R, exists=False)


def test_an_open_that_would_cover_a_tree_meets_what_is_open_in_it() -> None:
    engine, session = begun()
    granted = engine.open(0.0, session, Ask("S", n("D/E/A"), R, SR), FACTS)
    assert isinstance(granted, Granted)
    refused = engine.open(0.0, session, Ask("S", n("D"), R | W, SR, covers=TREE), FOLDER)
    assert isinstance(refused, Refusal)
    assert refused.blockers == (granted.open,)
    cover(engine, session, "D", TREE, R)
    cover(engine, session, "D", NAMES, R)


def test_a_name_moved_into_what_is_covered_meets_the_cover() -> None:
    engine, session = begun()
    row = cover(engine, session, "D", TREE)

    def rename(target: str, under: frozenset[str] = frozenset()) -> Refusal | None:
        facts = {
            "directory": False,
            "replace": False,
            "target_facts": None,
            "parent_exists": True,
            "covering_handles": under,
        }
        return engine.check_rename("S", n("A"), D, n(target), **facts)  # type: ignore[arg-type]

    for target in ("D/A", "D/E/A"):
        refused = rename(target)
        assert refused is not None
        assert (refused.status, refused.blockers) == (NtStatus.SHARING_VIOLATION, (row,))
        assert rename(target, frozenset([row.handle])) is None
    assert rename("B") is None


def test_the_opens_below_are_found_oldest_first() -> None:
    engine, session = begun()
    rows = [
        engine.open(0.0, session, Ask("S", n(path), R, SR), FACTS)
        for path in ("D/B", "D", "DD/A", "D/A/C")
    ]
    found = engine.open_below("S", n("d"))
    assert [row.file for row in found] == ["S/D/B", "S/D/A/C"]
    assert engine.open_below("S", n("D/B")) == []
    first = rows[1]
    assert isinstance(first, Granted)
    assert engine.opens_of("S", n("d")) == (first.open,)
    assert engine.opens_of("S", n("x")) == ()
