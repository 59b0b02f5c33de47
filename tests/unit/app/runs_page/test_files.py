"""What of a run's directory is given out, and what is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from despoolr_app.runs_page.files import FILES_MAX, files_of, open_file


@pytest.fixture
def run(tmp_path: Path) -> Path:
    made = tmp_path / "runs" / "19960603T080000Z-demo-s1"
    for name in ("records.jsonl", "report.html", "token", "secret.key", ".hidden.json"):
        made.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    (made / "logs" / "BPC").mkdir(parents=True)
    (made / "logs" / "BPC" / "DESPOOL.LOG").write_text("x")
    (made / "logs" / "BPC" / "despool.log").write_text("x")
    (made / "common").mkdir()
    (made / "common" / "secret.txt").write_text("x")
    (tmp_path / "outside.json").write_text("not of the store")
    (made / "link.json").symlink_to(tmp_path / "outside.json")
    (made / "dir.json").mkdir()
    os.mkfifo(made / "pipe.json")
    return made


def test_files_and_logs_of_a_run_are_listed_and_secrets_links_and_pipes_are_not(run: Path) -> None:
    assert [file.name for file in files_of(run)] == [
        "records.jsonl",
        "report.html",
        "logs/BPC/DESPOOL.LOG",
        "logs/BPC/despool.log",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "link.json",
        "pipe.json",
        "dir.json",
        "common/secret.txt",
        "../../outside.json",
        "logs/../records.jsonl",
        "/etc/hostname",
        "",
        "records.jsonl\0",
    ],
)
def test_only_a_listed_name_is_opened(run: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        open_file(run, name)


def test_a_listed_file_is_opened_with_its_size(run: Path) -> None:
    opened, size = open_file(run, "logs/BPC/despool.log")
    with opened:
        assert (opened.read(), size) == (b"x", 1)


def test_so_many_files_are_listed_and_no_more(run: Path) -> None:
    for number in range(FILES_MAX):
        (run / f"f{number}.csv").touch()
    assert len(files_of(run)) == FILES_MAX


def test_names_that_are_no_text_are_not_listed(run: Path) -> None:
    before = files_of(run)
    for name in (b"\xff.txt", b"a\nb.txt"):
        (run / os.fsdecode(name)).touch()
    (run / "logs" / os.fsdecode(b"\xff")).mkdir()
    (run / "logs" / os.fsdecode(b"\xff") / "x.log").touch()
    assert files_of(run) == before


def test_a_log_directory_that_is_a_link_is_none(run: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.log").touch()
    (run / "logs" / "OTHER").symlink_to(tmp_path / "elsewhere")
    assert not [file for file in files_of(run) if "OTHER" in file.name]
