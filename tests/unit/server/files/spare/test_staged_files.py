"""Where temporary files are made: a large one in the one directory that is always there."""

from __future__ import annotations

import asyncio
from pathlib import Path

from despoolr_server.files.disk import DiskFileStore

AT = 825_926_400.0


def test_a_large_file_is_staged_where_a_journal_finds_it(tmp_path: Path) -> None:
    store = DiskFileStore(tmp_path, inline_max=10)
    staged = asyncio.run(store.stage(b"x" * 1000, AT))
    assert Path(staged).parent == Path(store.base) / ".despoolr" / "tmp"
