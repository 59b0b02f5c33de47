"""`despoolr pcmdump` on real files: what it prints, where it complains, how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from despoolr_app.cli.pcmdump import command
from despoolr_core.formats.dates import site_time
from despoolr_core.formats.instructions.winst import WinstFile, WorkstationInstruction
from despoolr_core.formats.instructions.winst_text import render_winst
from worlds.answer import data_of


def stored(name: str, request_id: str) -> bytes:
    record = WorkstationInstruction(
        site_id="BPC",
        request_id=request_id,
        package_id="BPC0000A",
        job_id="BPC000AA",
        expiration_date=site_time(1994, 12, 31, 17, 56),
        expiration_full=1,
    )
    return render_winst(WinstFile(name, (record,)))


@pytest.fixture
def box(tmp_path: Path) -> Path:
    (tmp_path / "BPC00006.ins").write_bytes(stored("BPC00006.ins", "BPC001N"))
    (tmp_path / "BPC00005.INS").write_bytes(stored("BPC00005.INS", "BPC001M"))
    (tmp_path / "README.TXT").write_text("not an instruction file")
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def assert_one_line_error(result: Result, part: str) -> None:
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert part in result.stderr


def test_a_file_is_printed_as_it_is_stored(box: Path) -> None:
    result = run(box / "BPC00005.INS")
    assert (result.exit_code, result.stdout) == (0, stored("BPC00005.INS", "BPC001M").decode())


def test_the_old_tool_prints_december_as_11(box: Path) -> None:
    result = run(box / "BPC00005.INS", "--tool", "1.1")
    assert "Utility v1.1\n" in result.stdout
    assert "Expiration Date : 11/31/94 17:56:00\n" in result.stdout


def test_the_switches_of_the_1_2_tool_are_understood(box: Path) -> None:
    assert run("/r", box / "BPC00005.INS").stdout == run(box / "BPC00005.INS").stdout
    assert run("/d", "/R", box / "BPC00005.INS").stdout == run(box / "BPC00005.INS").stdout
    assert run("/a", box).stdout == run("--all", box).stdout
    assert run("/l", box).stdout == run("--list", box).stdout


def test_a_whole_box_is_dumped_in_order_of_names(box: Path) -> None:
    result = run("--all", box)
    assert result.exit_code == 0
    assert [line[18:] for line in result.stdout.split("\n") if line.startswith("File Name")] == [
        "BPC00005.INS",
        "BPC00006.ins",
    ]


def test_a_box_is_listed_one_line_a_file(box: Path) -> None:
    assert run("--list", box).stdout.split("\n")[:2] == [
        "BPC00005.INS    1 record   BPC001M",
        "BPC00006.ins    1 record   BPC001N",
    ]


def test_json_is_one_object_for_a_file_and_a_list_for_a_box(box: Path) -> None:
    assert (
        data_of(run(box / "BPC00005.INS", "--json").stdout)["records"][0]["request_id"] == "BPC001M"
    )
    assert [file["file_name"] for file in data_of(run("--all", box, "--json").stdout)] == [
        "BPC00005.INS",
        "BPC00006.ins",
    ]


def test_one_bad_file_does_not_hide_the_others(box: Path) -> None:
    (box / "BPC00004.INS").write_bytes(stored("BPC00004.INS", "BPC001L")[:-40])
    result = run("--all", box)
    assert result.stdout.count("File Name") == 2
    assert_one_line_error(result, "BPC00004.INS: line 26, column 19: Reserved:")


def test_an_empty_box_says_so(tmp_path: Path) -> None:
    result = run("--all", tmp_path)
    assert (result.exit_code, result.stdout) == (0, f"no instruction file (*.INS) in {tmp_path}\n")
    assert data_of(run("--all", tmp_path, "--json").stdout) == []


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((), "give one of"),
        (("a.ins", "b.ins"), "give one of"),
        (("/a",), "/a needs a directory"),
        (("/r",), "/r needs a file"),
        (("no-such-file.ins",), "no-such-file.ins: No such file"),
        ((".",), ".: it is a directory; name the files in it"),
        (("--all", "no-such-directory"), "no-such-directory: no such directory"),
    ],
)
def test_a_mistake_is_one_clear_line(arguments: tuple[str, ...], part: str) -> None:
    assert_one_line_error(run(*arguments), part)


def test_a_damaged_file_is_named_with_its_line(box: Path) -> None:
    damaged = box / "BPC00005.INS"
    damaged.write_bytes(damaged.read_bytes().replace(b"12/31/94", b"13/31/94"))
    result = run(damaged, "--json")
    assert result.stdout == ""
    assert_one_line_error(result, f"{damaged}: line 14, column 19: Expiration Date:")
