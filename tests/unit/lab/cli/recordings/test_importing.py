"""`despoolr import` on the command line: a run that every question can be put to, or one line and
nothing left behind.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from despoolr.console import run
from despoolr_app.runs.directory import LATEST, latest
from worlds.answer import data_of
from worlds.traces import TRACES

STORY = TRACES / "1-one-holder-blocks"
FIELDS = str(STORY / "tshark-fields.tsv")


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """Run a command in an empty directory: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def ask(*words: str) -> tuple[int, str, str]:
        code = run(words)
        told = capsys.readouterr()
        return code, told.out, told.err

    return ask


def runs() -> list[str]:
    return sorted(path.name for path in Path("runs").glob("*")) if Path("runs").exists() else []


def test_an_import_names_who_was_in_the_way_and_where_to_read_on(said):
    code, out, _ = said("import", FIELDS)
    assert code == 0
    assert "SRV2 was refused b.dat 4 times" in out and "WS11 (user alice) held it open" in out
    assert "grade A" in out and f"now: despoolr why runs/{latest(Path('runs')).name}" in out
    code, out, _ = said("why", "latest", "--json")
    assert code == 0 and data_of(out)["episodes"][0]["attempt_count"] == 4
    assert said("locks", "latest")[0] == 0 and said("report", "latest")[0] == 0
    assert "is of grade A: opens, closes" in (latest(Path("runs")) / "report.html").read_text()


def test_the_summary_is_what_json_prints(said):
    code, out, _ = said("import", FIELDS, "--json")
    told = data_of(out)
    assert code == 0 and told["grade"] == "A" and told["refusals"] == 4
    assert told == json.loads((latest(Path("runs")) / "summary.json").read_text())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "give at least one FILE"),
        (("gone.log",), "there is no file gone.log"),
        (("/",), "/ is a directory: name the files in it"),
        (("readme.txt",), "looks like no format"),
        (("empty.log",), "is empty"),
        (("readme.txt", "--as", "smbstats"), "did you mean 'smbstatus'"),
        ((FIELDS, "--tz", "Mars"), "is no zone"),
        ((FIELDS, "--map", "10.0.0.1"), "--map takes ADDRESS=NAME"),
        ((FIELDS, "--server", "a\x1bb"), "the name"),
        ((FIELDS, "--salt", "x"), "--salt is for --anonymise"),
    ],
)
def test_what_cannot_be_imported_is_one_line_and_no_run(said, words, says):
    Path("readme.txt").write_text("Dear all,\n")
    Path("empty.log").touch()
    code, out, err = said("import", *words)
    assert code == 2 and says in err and len(err.splitlines()) == 1 and not out
    assert "\x1b" not in err and runs() == []


def test_a_file_that_fails_in_its_middle_leaves_the_latest_run_as_it_was(said, monkeypatch):
    assert said("import", FIELDS)[0] == 0
    before, newest = runs(), latest(Path("runs"))
    Path("share.pcap").write_bytes(b"\xd4\xc3\xb2\xa1" + bytes(20))
    monkeypatch.setenv("PATH", "/nonexistent")
    code, _, err = said("import", "share.pcap")
    assert code == 2 and "tshark, which is not installed here" in err
    assert runs() == before and latest(Path("runs")) == newest


def test_an_import_that_found_nothing_is_not_the_latest_run(said):
    assert said("import", FIELDS)[0] == 0
    newest = latest(Path("runs"))
    Path("silence.tsv").write_text(Path(FIELDS).read_text().partition("\n")[0] + "\n")
    code, out, err = said("import", "silence.tsv")
    assert code == 2 and "nothing was found to import" in err
    (empty,) = [name for name in runs() if name.endswith("import-silence")]
    assert f"run: runs/{empty}" in out and latest(Path("runs")) == newest
    assert said("why", "latest", "--json")[0] == 0


def test_an_import_that_is_interrupted_leaves_nothing(said, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("despoolr_lab.imports.fold.trace_recorder.TraceRecorder.end", interrupt)
    assert said("import", FIELDS)[0] == 130 and runs() == []


def test_every_format_is_listed_with_what_it_proves_and_how_to_record_it(said):
    code, out, _ = said("import", "--list", "--json")
    told = data_of(out)
    assert code == 0 and {one["grade"] for one in told["formats"]} == set(told["grades"])
    assert all(one["how"] for one in told["formats"])
    code, out, _ = said("import", "--list")
    assert code == 0
    assert all(f"  {one['name']}\n    {one['how']}\n" in out for one in told["formats"])


def test_the_run_is_named_after_its_first_file_unless_names_are_hidden(said):
    said("import", FIELDS)
    assert "tshark-fields" in latest(Path("runs")).name
    said("import", FIELDS, "--anonymise")
    assert "tshark" not in latest(Path("runs")).name
    assert sorted(runs())[-1] == LATEST
