"""Whoever comes first makes the common directory; everyone reads the same, and only who must can
read the secret.
"""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

from despoolr_app.clocks.time_source import wall_now
from despoolr_app.process import stack_dir as common
from despoolr_app.process.runtime import StartError, prepare
from despoolr_app.process.settings import ConfigError, RuntimeSettings
from despoolr_app.process.stack_dir import common_secret, open_common
from despoolr_core.share.modes import Role
from despoolr_core.timing import Timing
from despoolr_server.http.base.auth import Auth


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_makes_it_and_the_next_reads_the_same(tmp_path: Path) -> None:
    first = open_common(tmp_path / "common", 1000.5)
    assert open_common(tmp_path / "common", 2000.0) == first
    assert first.since == 1000.5 and common_secret(tmp_path / "common") == first.secret
    assert list((tmp_path / "common").glob("*.tmp")) == []


def test_only_the_watchers_token_and_the_moment_are_for_others(tmp_path: Path) -> None:
    open_common(tmp_path, 1.0)
    modes = {
        name: mode(tmp_path / name)
        for name in (common.SECRET, common.PASSWORD, common.METRICS_TOKEN, common.SINCE)
    }
    assert modes == {
        "secret": 0o600,
        "database.password": 0o600,
        "metrics.token": 0o644,
        "since": 0o644,
    }


def test_the_watchers_token_is_a_clients(tmp_path: Path) -> None:
    made = open_common(tmp_path, 1.0)
    who = Auth(made.secret).check(f"Bearer {(tmp_path / common.METRICS_TOKEN).read_text().strip()}")
    assert who is not None and who.role is Role.CLIENT


def test_many_that_start_together_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda n: open_common(tmp_path, float(n)), range(40)))
    assert len(made) == 1


def test_a_directory_that_cannot_be_written_or_is_damaged_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot write"):
        open_common(tmp_path / "file" / "common", 1.0)
    open_common(tmp_path, 1.0)
    (tmp_path / common.SINCE).write_text("noon")
    with pytest.raises(ConfigError, match="is damaged"):
        open_common(tmp_path, 1.0)


def test_a_secret_nobody_made_yet_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the secret"):
        common_secret(tmp_path)


async def test_site_time_is_counted_from_the_common_moment_and_goes_on_while_all_is_stopped(
    tmp_path: Path,
) -> None:
    since = wall_now() - 100.0
    settings = RuntimeSettings(tmp_path / "a", Timing(1000.0), b"x" * 16, since=since)
    for directory in ("a", "b", "a"):
        runtime = prepare(replace(settings, data=tmp_path / directory))
        runtime.begin()
        expected = since + (wall_now() - since) * 1000.0
        assert runtime.clock.now() == pytest.approx(expected, abs=500.0)
        runtime.end(is_clean=True)


async def test_a_pace_that_would_turn_time_back_is_refused(tmp_path: Path) -> None:
    settings = RuntimeSettings(tmp_path, Timing(1000.0), b"x" * 16, since=wall_now() - 100.0)
    runtime = prepare(settings)
    runtime.begin()
    runtime.end(is_clean=True)
    slower = prepare(replace(settings, timing=Timing(1.0)))
    with pytest.raises(StartError, match=r"would go back by .* made at --time x1000; keep that"):
        slower.begin()
    slower.end(is_clean=False)
