"""The engine's rules one by one: dispositions, deletes, renames, and what a close brings about."""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_core.share.modes import (
    Access,
    CreateAction,
    CreateOption,
    Disposition,
    FileAttribute,
    NtStatus,
    Role,
)
from despoolr_server.engine.deletion import may_mark
from despoolr_server.engine.dispositions import Plan, decide, expand
from despoolr_server.engine.engine import ShareEngine
from despoolr_server.engine.names import ROOT, Name
from despoolr_server.engine.renames import RenameCase, may_rename
from despoolr_server.engine.rows import Ask, FileFacts, Granted, Open, Refusal, Session
from worlds.engine_law import check_engine

F = Name("F", "F")
PLAIN = FileFacts("F", 10, 0.0, False, 0, '"1"')
DIRECTORY = FileFacts("F", 0, 0.0, True, 0x10, '"1"')


def facts(*attributes: FileAttribute) -> FileFacts:
    return FileFacts("F", 10, 0.0, False, sum(attributes), '"1"')


def ask(
    access: int = Access.READ_DATA, disposition: Disposition = Disposition.OPEN, **more: Any
) -> Ask:
    return Ask("T", F, int(access), more.pop("share_mode", 7), disposition, **more)


def outcome(wish: Ask, found: FileFacts | None, parent: bool = True) -> object:
    plan = decide(wish, found, parent)
    return plan.action if isinstance(plan, Plan) else plan


@pytest.mark.parametrize(
    ("disposition", "missing", "existing"),
    [
        (Disposition.SUPERSEDE, CreateAction.CREATED, CreateAction.SUPERSEDED),
        (Disposition.OPEN, NtStatus.OBJECT_NAME_NOT_FOUND, CreateAction.OPENED),
        (Disposition.CREATE, CreateAction.CREATED, NtStatus.OBJECT_NAME_COLLISION),
        (Disposition.OPEN_IF, CreateAction.CREATED, CreateAction.OPENED),
        (Disposition.OVERWRITE, NtStatus.OBJECT_NAME_NOT_FOUND, CreateAction.OVERWRITTEN),
        (Disposition.OVERWRITE_IF, CreateAction.CREATED, CreateAction.OVERWRITTEN),
    ],
)
def test_each_disposition_does_what_the_table_says(
    disposition: Disposition, missing: object, existing: object
) -> None:
    assert outcome(ask(disposition=disposition), None) == missing
    assert outcome(ask(disposition=disposition), PLAIN) == existing
    assert (
        outcome(ask(disposition=disposition), None, parent=False) == NtStatus.OBJECT_PATH_NOT_FOUND
    )


def test_a_read_only_file_may_be_read_but_not_written_or_overwritten() -> None:
    readonly = facts(FileAttribute.READONLY)
    assert outcome(ask(), readonly) is CreateAction.OPENED
    assert outcome(ask(Access.WRITE_DATA), readonly) is NtStatus.ACCESS_DENIED
    assert outcome(ask(Access.GENERIC_WRITE), readonly) is NtStatus.ACCESS_DENIED
    assert outcome(ask(Access.DELETE), readonly) is CreateAction.OPENED
    assert outcome(ask(disposition=Disposition.OVERWRITE), readonly) is NtStatus.ACCESS_DENIED
    doc = int(CreateOption.DELETE_ON_CLOSE)
    assert outcome(ask(Access.DELETE, options=doc), readonly) is NtStatus.CANNOT_DELETE
    plan = decide(ask(Access.MAXIMUM_ALLOWED), readonly, True)
    assert isinstance(plan, Plan)
    assert not plan.access & Access.WRITE_DATA


@pytest.mark.parametrize("attribute", [FileAttribute.HIDDEN, FileAttribute.SYSTEM])
@pytest.mark.parametrize(
    "disposition", [Disposition.OVERWRITE, Disposition.OVERWRITE_IF, Disposition.SUPERSEDE]
)
def test_a_hidden_or_system_file_is_overwritten_only_by_who_asks_for_that(
    attribute: FileAttribute, disposition: Disposition
) -> None:
    assert outcome(ask(disposition=disposition), facts(attribute)) is NtStatus.ACCESS_DENIED
    wish = ask(disposition=disposition, attributes=int(attribute))
    assert outcome(wish, facts(attribute)) in (CreateAction.OVERWRITTEN, CreateAction.SUPERSEDED)


def test_directories_and_files_are_told_apart_before_anything_else() -> None:
    directory, file = int(CreateOption.DIRECTORY_FILE), int(CreateOption.NON_DIRECTORY_FILE)
    assert outcome(ask(options=file), DIRECTORY) is NtStatus.FILE_IS_A_DIRECTORY
    assert (
        outcome(ask(disposition=Disposition.CREATE, options=file), DIRECTORY)
        is NtStatus.FILE_IS_A_DIRECTORY
    )
    assert outcome(ask(options=directory), PLAIN) is NtStatus.NOT_A_DIRECTORY
    assert (
        outcome(ask(disposition=Disposition.CREATE, options=directory), PLAIN)
        is NtStatus.OBJECT_NAME_COLLISION
    )
    assert (
        outcome(ask(disposition=Disposition.OVERWRITE), DIRECTORY) is NtStatus.FILE_IS_A_DIRECTORY
    )
    plan = decide(ask(disposition=Disposition.CREATE, options=directory), None, True)
    assert isinstance(plan, Plan)
    assert plan.directory


def test_nobody_deletes_the_root() -> None:
    root = Ask("T", ROOT, int(Access.DELETE), 7)
    assert decide(root, DIRECTORY, True) is NtStatus.ACCESS_DENIED
    plan = decide(Ask("T", ROOT, int(Access.MAXIMUM_ALLOWED), 7), DIRECTORY, True)
    assert isinstance(plan, Plan)
    assert not plan.access & Access.DELETE


def test_generic_rights_are_expanded() -> None:
    assert expand(int(Access.GENERIC_READ), 0) == 0x120089
    assert expand(int(Access.GENERIC_ALL), 0) == 0x1F01FF
    assert expand(int(Access.MAXIMUM_ALLOWED), 0x1200A9) == 0x1200A9
    assert expand(int(Access.READ_DATA), 0x1F01FF) == 1


def test_marking_needs_delete_access_and_something_that_may_go() -> None:
    delete = int(Access.DELETE)
    assert may_mark(1, True, PLAIN, False) is NtStatus.ACCESS_DENIED
    assert may_mark(1, False, PLAIN, False) is NtStatus.ACCESS_DENIED
    assert may_mark(delete, True, PLAIN, False) is None
    assert may_mark(delete, True, facts(FileAttribute.READONLY), False) is NtStatus.CANNOT_DELETE
    assert may_mark(delete, False, facts(FileAttribute.READONLY), False) is None
    folder = FileFacts(
        "D", 0, 0.0, True, int(FileAttribute.DIRECTORY | FileAttribute.READONLY), '"1"'
    )
    assert may_mark(delete, True, folder, False) is NtStatus.CANNOT_DELETE
    assert may_mark(delete, True, DIRECTORY, True) is NtStatus.DIRECTORY_NOT_EMPTY
    assert may_mark(delete, True, DIRECTORY, False) is None


def rename_case(**changes: object) -> RenameCase:
    base: dict[str, object] = {
        "access": int(Access.DELETE),
        "directory": False,
        "parent_exists": True,
        "parent_pending": False,
        "parent_held_against": False,
        "into_itself": False,
        "source_pending": False,
        "open_below": False,
        "same_name": False,
        "replace": True,
        "target": PLAIN,
        "target_pending": False,
        "target_open": False,
    }
    return RenameCase(**(base | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, None),
        ({"access": 1}, NtStatus.ACCESS_DENIED),
        ({"parent_exists": False}, NtStatus.OBJECT_PATH_NOT_FOUND),
        ({"parent_pending": True, "parent_held_against": True}, NtStatus.DELETE_PENDING),
        ({"parent_held_against": True, "source_pending": True}, NtStatus.SHARING_VIOLATION),
        ({"into_itself": True}, NtStatus.SHARING_VIOLATION),
        ({"source_pending": True, "target": None}, NtStatus.ACCESS_DENIED),
        ({"open_below": True, "target": None}, NtStatus.ACCESS_DENIED),
        ({"same_name": True, "replace": False}, None),
        ({"replace": False, "target_pending": True}, NtStatus.OBJECT_NAME_COLLISION),
        ({"target": DIRECTORY}, NtStatus.ACCESS_DENIED),
        ({"directory": True}, NtStatus.ACCESS_DENIED),
        ({"target": facts(FileAttribute.READONLY)}, NtStatus.ACCESS_DENIED),
        ({"target_pending": True, "target_open": True}, NtStatus.DELETE_PENDING),
        ({"target_open": True}, NtStatus.ACCESS_DENIED),
        ({"target": None, "target_open": True}, None),
    ],
)
def test_a_rename_is_judged_in_the_specifications_order(
    changes: dict[str, object], status: NtStatus | None
) -> None:
    assert may_rename(rename_case(**changes)) is status


class Desk:
    """An engine with one session."""

    def __init__(self, **limits: int) -> None:
        self.engine = ShareEngine(**limits)  # type: ignore[arg-type]
        session = self.engine.sessions.start(
            0.0,
            machine="WS3",
            user="ALICE",
            program="P",
            role=Role.CLIENT,
            owner="WS3",
            lease_s=0.0,
        )
        assert isinstance(session, Session)
        self.session = session

    def open(self, wish: Ask, found: FileFacts | None = PLAIN) -> Open:
        answer = self.engine.open(5.0, self.session, wish, found)
        assert isinstance(answer, Granted), answer
        return answer.open


def test_the_mark_of_a_delete_on_close_handle_comes_with_its_close() -> None:
    desk = Desk()
    marked = desk.open(ask(Access.DELETE, options=int(CreateOption.DELETE_ON_CLOSE)))
    other = desk.open(ask())
    assert not desk.engine.is_pending(other)
    assert not desk.engine.close(marked).remove
    assert desk.engine.is_pending(other)
    refusal = desk.engine.check(ask(), PLAIN)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.blockers) == (NtStatus.DELETE_PENDING, (other,))
    closed = desk.engine.close(other)
    assert (closed.remove, closed.marked_by) == (True, ("WS3", "P", ""))


def test_nothing_is_created_in_a_directory_that_is_going() -> None:
    desk = Desk()
    folder = Name("D", "D")
    row = desk.open(
        Ask("T", folder, int(Access.DELETE), 7), FileFacts("D", 0, 0.0, True, 0x10, '"1"')
    )
    assert desk.engine.mark_delete(row, True, DIRECTORY) is None
    refusal = desk.engine.check(Ask("T", Name("D/N", "D/N"), 2, 7, Disposition.CREATE), None)
    assert isinstance(refusal, Refusal)
    assert refusal.status is NtStatus.DELETE_PENDING


def test_a_retracted_open_was_never_there() -> None:
    desk = Desk()
    row = desk.open(ask(Access.WRITE_DATA, share_mode=0))
    desk.engine.retract(row)
    assert desk.engine.find(row.handle) is None
    assert isinstance(desk.engine.check(ask(), PLAIN), Plan)
    check_engine(desk.engine)


def test_renamed_files_keep_their_opens_in_the_order_of_their_age() -> None:
    desk = Desk()
    first, second, third = (desk.open(ask(Access.DELETE)) for _ in range(3))
    other = desk.open(Ask("T", Name("G", "G"), 1, 7))
    desk.engine.renamed("T", F, Name("D/H", "D/H"))
    moved = desk.engine.find(second.handle)
    assert moved is not None
    assert (moved.path, moved.file) == ("D/H", "T/D/H")
    assert [row.path for row in desk.engine.open_below("T", Name("D", "D"))] == ["D/H"] * 3
    ended = desk.engine.end_session(desk.session.session, "logoff")
    assert ended is not None
    assert [closed.open.handle for closed in ended.closed] == [
        row.handle for row in (first, second, third, other)
    ]
    check_engine(desk.engine)


def test_a_corrupted_table_is_noticed() -> None:
    desk = Desk()
    row = desk.open(ask())
    file = desk.engine.table.file(row.file)
    assert file is not None
    file.holders.denied = 7
    with pytest.raises(AssertionError):
        check_engine(desk.engine)
