"""A client has several shares on one connection, which is one process of smbd: whose directory smbd
went to last is whose file it is, in lines as Samba 4.17 writes them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from despoolr_lab.imports.samba import smbd_process
from worlds.traces import Found, imported

CONNECT = (
    "make_connection_snum",
    "WS5 (ipv4:10.0.0.5:4021) connect to service {} initially as user ",
)
CONNECT_END = "bob (uid=20002, gid=20000) (pid 7)"
ROOT = "make_connection_snum", "make_connection_snum: Connect path is '/srv/{0}' for service [{0}]"
WENT = "vfs_ChDir", "vfs_ChDir to /srv/{}"
OPENED = "open_file", "bob opened file office/b.dat read=Yes write=No (numopen={})"
CLOSED = "close_normal_file", "bob closed file office/b.dat (numopen={}) NT_STATUS_OK"


def told(tmp_path: Path, level: int, *steps: tuple[tuple[str, str], str | int]) -> Found:
    file = tmp_path / "smbd.log"
    lines = []
    for second, ((function, text), word) in enumerate(steps):
        stamp = f"[2026/11/28 19:07:{second:02}.000000,  {level}, pid=7]"
        body = text.format(word) + (CONNECT_END if "initially" in text else "")
        lines += [f"{stamp} ../../source3/smbd/x.c:1({function})", f"  {body}"]
    file.write_text("\n".join(lines) + "\n")
    return imported([file])


TWO = ((ROOT, "a"), (CONNECT, "a"), (ROOT, "b"), (CONNECT, "b"), (CONNECT, "IPC$"))
STORY = (
    *TWO,
    (WENT, "a"),
    (OPENED, 2),
    (WENT, "b"),
    (OPENED, 3),
    (WENT, "a"),
    (CLOSED, 1),
    (WENT, "b"),
)


def test_a_file_is_on_the_share_whose_directory_smbd_went_to_last(tmp_path: Path) -> None:
    found = told(tmp_path, 4, *STORY)
    ends = {one.share: one.closed_at for one in found.view.holdings}
    assert {share: end is not None for share, end in ends.items()} == {"a": True, "b": False}
    assert "have several shares" not in found.notes


def test_below_level_4_it_is_said_that_the_share_is_not_known(tmp_path: Path) -> None:
    steps = [step for step in STORY if step[0] != WENT]
    found = told(tmp_path, 3, *steps)
    assert "1 connection with several shares" in found.notes
    assert {one.share for one in found.view.holdings} == {"b"}, "the share of pipes has no files"


def test_shares_of_a_process_are_forgotten_past_their_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smbd_process, "SHARES_MAX", 1)
    found = told(tmp_path, 4, *STORY)
    assert [one.closed_at for one in found.view.holdings if one.share == "a"] == [None]


def test_a_read_that_a_lock_refused_is_no_write(tmp_path: Path) -> None:
    error = "smbd_smb2_request_error_ex"
    text = error + ": idx[1] status[NT_STATUS_FILE_LOCK_CONFLICT] || at ../../smbd/smb2_{}.c:135"
    steps = ((CONNECT, "a"), (OPENED, 2), ((error, text), "read"), ((error, text), "write"))
    found = told(tmp_path, 3, *steps)
    assert [one.purpose.partition(" ")[0] for _, one in found.refusals] == ["read", "write"]
