"""`despoolr mif check|show`: lines, JSON, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from despoolr_app.cli.mif import mif
from worlds.answer import data_of
from worlds.mif_samples import attribute, group
from worlds.mif_samples import mif as mif_file
from worlds.support import THEIR_MIFS, data

MIFS = data("mif")


def ours_and_theirs(ours: str, theirs: str) -> pytest.MarkDecorator:
    """A test of a file of ours, and of somebody else's with the same constructs where it is
    found.
    """
    other = pytest.param(THEIR_MIFS / theirs, id=theirs, marks=pytest.mark.theirs)
    return pytest.mark.parametrize("file", [pytest.param(MIFS / ours, id=ours), other])


def run(*arguments: object) -> Result:
    return CliRunner().invoke(mif, [str(a) for a in arguments])


@ours_and_theirs("status_success.mif", "kb-q166833__status.mif")
def test_a_fine_file_gives_one_summary_line_and_exit_0(file: Path) -> None:
    result = run("check", file)
    assert (result.exit_code, result.output) == (
        0,
        "1 file, 1 fine, 0 refused (strict): no findings\n",
    )


@ours_and_theirs("status_overlong.mif", "rendered__portswitch-failed-overlong.mif")
def test_each_finding_is_one_line_with_place_severity_rule_and_source(file: Path) -> None:
    result = run("check", file)
    assert result.exit_code == 2
    first, summary = result.output.splitlines()
    length = 158 if file.parent == MIFS else 153
    assert first.startswith(f"{file}:74:7: error: {length} bytes in STRING(128) (overlong, REF;")
    assert summary == "1 file, 0 fine, 1 refused (strict): 1 error"


@ours_and_theirs("status_wrapped_literal.mif", "kb-q186415__ismif32-setup.mif")
@pytest.mark.parametrize(("mode", "exit_code"), [("strict", 2), ("lenient", 0), ("sms", 0)])
def test_the_mode_decides(mode: str, exit_code: int, file: Path) -> None:
    assert run("check", file, "--mode", mode).exit_code == exit_code


def test_sms_mode_gives_a_verdict() -> None:
    result = run("check", "--mode", "sms", MIFS / "status_success.mif", MIFS / "status_utf16le.mif")
    assert result.exit_code == 2
    assert "status_success.mif: SMS would take this status MIF" in result.output
    assert "status_utf16le.mif: SMS would not take this status MIF" in result.output


def test_an_unreadable_file_is_named_and_the_others_are_still_checked(tmp_path: Path) -> None:
    result = run("check", tmp_path / "none.mif", tmp_path, MIFS / "status_success.mif")
    assert result.exit_code == 2
    assert "none.mif: cannot be read: No such file or directory" in result.output
    assert result.output.endswith("3 files, 1 fine, 2 refused (strict): no findings\n")


@ours_and_theirs("idmif_unclosed.mif", "memdocs__idmif-requirements-sample.truncated.mif")
def test_check_as_json(file: Path) -> None:
    result = run("check", "--json", file)
    assert result.exit_code == 2
    (row,) = data_of(result.output)["files"]
    assert (row["taken"], row["kind"]) == (False, "IDMIF")
    assert {"line": 38, "rule": "unclosed-component", "severity": "error"}.items() <= row[
        "findings"
    ][-1].items()


def test_show_prints_groups_enums_paths_and_tables() -> None:
    paths = run("show", MIFS / "component_paths.mif").output
    assert all(
        text in paths
        for text in (
            "Harbour Clocks",
            "Check_Type",
            '*"CLOCKS"',
            "HARBOUR|Clocks|1.0",
            "key 1",
            "OS2",
        )
    )
    table = run("show", MIFS / "component_table.mif")
    assert table.exit_code == 0 and "row 1 of 1" in table.output and "TIDE.FRM" in table.output


@pytest.mark.theirs
def test_show_prints_groups_enums_paths_and_tables_of_other_peoples_files() -> None:
    names = run("show", THEIR_MIFS / "os2tk45__names.mif").output
    assert all(
        text in names
        for text in (
            "DMI Service Layers",
            "Verify_Type",
            '*"NAMES"',
            "IBM|SLNames|1.0",
            "key 1",
            "OS2",
        )
    )
    probe = run("show", THEIR_MIFS / "os2tk45__probe.mif")
    assert probe.exit_code == 0 and "row 1 of 1" in probe.output and "PROBE.REP" in probe.output


def test_show_as_json() -> None:
    tree = data_of(run("show", "--json", MIFS / "component_paths.mif").output)
    verify = tree["groups"][0]["attributes"][5]
    assert (verify["value"], verify["meaning"]) == (7, "It is here and works")
    assert tree["paths"] == [{"name": "CLOCKS", "programs": {"OS2": "clocks"}}]
    assert len(tree["comments"]) == 10


@pytest.mark.theirs
def test_show_as_json_of_somebody_elses_file() -> None:
    tree = data_of(run("show", "--json", THEIR_MIFS / "os2tk45__names.mif").output)
    verify = tree["groups"][0]["attributes"][5]
    assert (verify["value"], verify["meaning"]) == (
        7,
        "This component exists, and is functioning correctly",
    )
    assert tree["paths"] == [{"name": "NAMES", "programs": {"OS2": "names"}}]
    assert len(tree["comments"]) == 12


def test_show_reads_leniently_says_so_and_never_lets_bytes_drive_the_terminal(
    tmp_path: Path,
) -> None:
    file = tmp_path / "x.mif"
    file.write_bytes(mif_file(group(attribute(value='"\x1b[31m[bold]x"', type_="STRING(20)"))))
    result = run("show", file)
    assert result.exit_code == 0
    assert "\x1b" not in result.output and r"\x1b[31m[bold]x" in result.output
    assert "literal-octet" in result.output


def test_show_refuses_what_is_no_mif(tmp_path: Path) -> None:
    file = tmp_path / "x.mif"
    file.write_bytes(b"hello")
    assert run("show", file).exit_code == 2 and "no START COMPONENT" in run("show", file).output
    assert run("show", tmp_path / "none").exit_code == 2


def test_the_module_is_cheap_to_import() -> None:
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; import despoolr_app.cli.mif; print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "click" in loaded
    assert not {"rich", "msgspec", "json", "despoolr_core.formats.mif"} & set(loaded)
