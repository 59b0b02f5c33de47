"""The first pass of a run that cannot be run again: an imported one, read as a stream."""

from __future__ import annotations

import pytest

from despoolr_core.records.whatif.ladder import CANNOT_HELP, Ladder
from despoolr_core.records.whatif.windows import Quietest, UpdateWindows
from despoolr_lab.whatif.recording import recorded_waits as module
from despoolr_lab.whatif.recording.first_pass import SAMBA_NOTE, first_pass
from despoolr_lab.whatif.table import markdown_of_waits, wait_rows, window_lines
from worlds.traces import Truth, imported

pytestmark = pytest.mark.slow


def asked(name: str, file: str, *patterns: str) -> Ladder:
    truth = Truth.of(name)
    found = imported([truth.file(file)], **truth.wishes())
    return first_pass(name, lambda: iter(found.records), patterns)


def spans(ladder: Ladder) -> dict[str, tuple[int, float | None]]:
    return {row.change: (row.ended, row.bound_after_s) for row in ladder.rows}


def test_of_a_holder_that_closed_the_attempts_between_are_what_was_missing() -> None:
    ladder = asked("1-one-holder-blocks", "tshark-fields.tsv")
    found = spans(ladder)
    whole = Truth.of("1-one-holder-blocks").told["episodes"][0]
    held_s = whole["blockers"][0]["held_to"] - whole["first_refusal"]
    assert found["more attempts"][1] == pytest.approx(held_s, abs=0.05)
    assert found["an attempt every 10 s"] == (1, 20)
    assert found["WS11 closing its files"] == (1, 0)
    assert found["closing by force what is in the way"] == (1, 0)
    (force,) = [row for row in ladder.rows if row.cost == "force"]
    assert "cuts 1 open of 1 user" in force.why and force.effects.users_cut == 1


def test_nobody_closes_so_only_another_holder_or_another_place_helps() -> None:
    ladder = asked("2-nobody-closes", "smbd.log")
    no = {row.change for row in ladder.rows if row.word == CANNOT_HELP}
    assert {"more attempts", "an attempt every 1 s", "copy strategy rename_aside"} <= no
    assert spans(ladder)["copy strategy new_folder_and_switch"] == (1, 0)
    assert any("needs: every holder shares DELETE" in row.why for row in ladder.rows)


def test_a_format_without_share_modes_says_what_it_assumed() -> None:
    ladder = asked("1-one-holder-blocks", "audit.log")
    notes = " ".join(ladder.notes)
    assert "opens is not in the sources: they are taken to be in the way" in notes
    whole = spans(asked("1-one-holder-blocks", "tshark-fields.tsv"))
    for change, (ended, at) in spans(ladder).items():
        if change == "copy strategy temp_and_rename":
            continue  # full_audit is Samba's, and a capture of anybody's
        best = whole[change]
        assert ended <= best[0] and (at is None or best[1] is None or at >= best[1] - 1.1)


def test_a_rename_over_an_open_file_helps_on_a_samba_and_nowhere_else() -> None:
    there = asked("2-nobody-closes", "smbd.log")
    assert spans(there)["copy strategy temp_and_rename"] == (1, 0)
    assert SAMBA_NOTE in there.notes
    anybodys = asked("1-one-holder-blocks", "tshark-fields.tsv")
    whole = spans(anybodys)
    assert whole["copy strategy temp_and_rename"][1] == whole["more attempts"][1]
    assert SAMBA_NOTE not in anybodys.notes


def test_samples_have_windows_alone_and_say_so() -> None:
    ladder = asked("1-one-holder-blocks", "smbstatus.jsonl")
    assert ladder.rows == () and ladder.windows is not None and ladder.windows.windows
    assert "refusals are not in samples" in ladder.notes[0]
    assert "windows are between samples" in ladder.notes[1]
    assert ladder.sentence.startswith("Nobody had the file open from ")


def test_windows_are_those_of_the_files_that_are_asked_for() -> None:
    every = asked("11-forty-clients", "tshark-fields.tsv").windows
    one = asked("11-forty-clients", "tshark-fields.tsv", "pkg/apps/p0/f00.dat").windows
    none = asked("11-forty-clients", "tshark-fields.tsv", "nowhere/*").windows
    assert every is not None and one is not None and none is not None
    assert (every.files, one.files, none.files) == (28, 1, 0)
    assert one.windows[0].end - one.windows[0].begin > every.windows[0].end - every.windows[0].begin


def test_what_stood_in_no_window_was_open_to_nobody() -> None:
    truth = Truth.of("11-forty-clients")
    ladder = asked("11-forty-clients", "tshark-fields.tsv")
    refused = {episode["path"].upper() for episode in truth.told["episodes"]}
    assert ladder.windows is not None
    for window in ladder.windows.windows:
        for told in truth.opens:
            until = told["to"] or truth.ends_at
            if told["path"].upper() in refused:
                assert until <= window.begin + 0.15 or told["from"] >= window.end - 0.15


def test_only_so_many_waits_and_attempts_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITS_MAX", 2)
    monkeypatch.setattr(module, "ATTEMPTS_MAX", 1)
    ladder = asked("11-forty-clients", "tshark-fields.tsv")
    assert "of 32 waits, these are the longest 2" in ladder.notes
    assert all(row.waits <= 2 for row in ladder.rows)


def test_the_table_fits_and_markdown_has_windows_and_assumptions() -> None:
    ladder = asked("1-one-holder-blocks", "audit.log")
    assert ("1 of 1", "20 s", "20 s") in {row[:3] for row in wait_rows(ladder)}
    said = markdown_of_waits(ladder, str)
    assert "| more attempts | 1 of 1 |" in said and "nobody had the file open" in said
    assert all(line in said for line in (*window_lines(ladder), *ladder.notes))


def test_a_recording_without_a_free_second_names_no_quietest_of_nobody() -> None:
    def told(opens: int) -> list[str]:
        quietest = Quietest(0.2, 0.9, opens, opens)
        windows = UpdateWindows(1, 0.0, 1.0, quietest=quietest)
        return window_lines(Ladder(source="run", goal="", as_it_was="", rows=(), windows=windows))

    assert told(0) == ["for no whole second had nobody the file open"]
    (line,) = told(2)
    assert line.startswith("at no time had nobody the file open; the quietest is ")
    assert line.endswith("2 open at once, by 2")
