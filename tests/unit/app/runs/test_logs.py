"""A run's log files: one a component, written from the records, in the layout of the site's
version, letter for letter.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from despoolr_app.runs.directory import RunError
from despoolr_app.runs.logs import write_logs
from despoolr_core.records.kinds.share import OpenClosed
from despoolr_core.records.kinds.site import LineLogged
from despoolr_core.records.stream import Record
from despoolr_lab.kb.gallery import entry
from despoolr_lab.scenario.reading.load import load_scenario
from despoolr_lab.scenario.run import RunOptions, profiles_of, run_scenario
from worlds.record_samples import sample
from worlds.tracer_lines import parse_trace

START = 833_788_800.0  # 1996-06-03 08:00


def line(seq: int, site: str, component: str, text: str) -> Record:
    said = LineLogged(component=component, text=text)
    return Record(seq, START + seq, f"{site}/{component}", said)


def test_each_component_of_each_site_has_its_file(tmp_path: Path) -> None:
    records = [
        line(1, "BPC", "SMS_DESPOOLER", "~Waiting for ready instruction file...."),
        Record(2, START, "LOGON1/WS1", sample(OpenClosed)),
        line(3, "CHD", "SMS_DESPOOLER", "~Found ready instruction sni00000.sni"),
        line(4, "BPC", "SMS_NEW", "one"),
        line(5, "BPC", "SMS_NEW", "two"),
    ]
    written = write_logs(tmp_path, records, {"BPC": "sms1", "CHD": "sms2"})
    assert [str(p.relative_to(tmp_path / "logs")) for p in written] == [
        "BPC/DESPOOL.LOG",
        "BPC/SMS_NEW.LOG",
        "CHD/DESPOOL.LOG",
    ]
    assert (tmp_path / "logs/BPC/DESPOOL.LOG").read_bytes() == (
        b"~Waiting for ready instruction file....   $$<SMS_DESPOOLER><Mon Jun 03 08:00:01 "
        b"1996~><thread=B3>\r\n"
    )
    assert (
        "  $$<SMS_DESPOOLER><Mon Jun 03 08:00:03.000 1996 Greenwich"
        in (tmp_path / "logs/CHD/DESPOOL.LOG").read_text()
    )
    assert len((tmp_path / "logs/BPC/SMS_NEW.LOG").read_text().splitlines()) == 2


def test_json_lines_are_utf_8_and_one_object_a_line(tmp_path: Path) -> None:
    (path,) = write_logs(
        tmp_path, [line(1, "BPC", "SMS_SCHEDULER", "Größe \u2713")], {"BPC": "jsonl"}
    )
    assert msgspec.json.decode(path.read_bytes())["text"] == "Größe \u2713"


def test_a_directory_that_cannot_be_written_is_a_run_error(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(RunError, match="cannot write"):
        write_logs(tmp_path, [line(1, "BPC", "SMS_SCHEDULER", "x")], {})


def run_logs_of(kb: str, version: str, directory: Path) -> Path:
    scenario, options = load_scenario(entry(kb)[1]), RunOptions(version=version)
    layouts = {site: profile.log_layout for site, profile in profiles_of(scenario, options).items()}
    write_logs(directory, run_scenario(scenario, options).records, layouts)
    return directory / "logs"


@pytest.mark.slow
def test_a_site_of_2_0_writes_its_logs_as_2_0_did(tmp_path: Path) -> None:
    logs = run_logs_of("Q235805", "2.0", tmp_path)
    text = (logs / "100/DISTMGR.LOG").read_text("latin-1")
    quoted = (
        "SQL Msg #99901> This PkgID (100Z0001) does not exist in the parent table, SMSPackages."
    )
    assert f"~{quoted}~  $$<SMS_DISTRIBUTION_MANAGER><Thu Jul 01 " in text
    assert {parse_trace(one).component for one in text.splitlines()} == {"SMS_DISTRIBUTION_MANAGER"}
    assert (
        "><thread=" in (child := (logs / "CHD/DESPOOL.LOG").read_text("latin-1"))
        and "(0x" not in child
    ), "1.2 below it"


@pytest.mark.slow
def test_lines_the_articles_quote_stand_in_the_despoolers_log_letter_for_letter(
    tmp_path: Path,
) -> None:
    text = (run_logs_of("Q147819", "1.1", tmp_path) / "BPC/DESPOOL.LOG").read_text("latin-1")
    found = {parse_trace(one).text for one in text.splitlines()}
    for quoted in (
        "~Waiting for ready instruction file....",  # Q169491
        "~Despooler successfully executed one instruction.",  # Q169491
    ):
        assert quoted in found, sorted(found)[:40]
    # Q169491
    assert any(
        one.startswith("~Found ready instruction ") and one.endswith(".sni") for one in found
    )
    # Q169491
    assert any(one.startswith("~Executing instruction of type MICROSOFT|SMS|") for one in found)
    # Q147819
    assert any(
        one.startswith("~Copying ") and one.endswith(", Failed, Win32 Error = 32") for one in found
    )
