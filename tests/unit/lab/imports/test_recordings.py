"""Every recording of a real server, in every format: what is found is what really happened, as far
as the format proves it, and what it cannot prove is said.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from despoolr_core.records.view import Holding
from despoolr_core.share.modes import ShareMode, parse_flags
from worlds.traces import (
    TRACES,
    Found,
    Proof,
    Truth,
    episodes_of,
    imported,
    refusals_of,
    unlike,
)

RECORDINGS = [
    "1-one-holder-blocks",
    "2-nobody-closes",
    "4-no-block",
    "5-delete-pending",
    "7-byte-range",
    "8-connection-dies",
    "9-open-read-close-loop",
    "11-forty-clients",
    "12-new-folder-pointer",
    "13-silent-ghost",
]
"""Those whose capture is whole; two others are not, and have tests of their own."""

AUDITED = [name for name in [*RECORDINGS, "14-capture-late", "15-encrypted"] if name[0] not in "25"]
LOGGED = [name for name in [*RECORDINGS, "14-capture-late", "15-encrypted"] if name[:2] != "11"]
CAPTURES = [(name, "capture.pcapng") for name in RECORDINGS] + [("4-no-block", "capture.pcap")]
FIELDS = [(name, "tshark-fields.tsv") for name in [*RECORDINGS, "15-encrypted"]]


def found_in(name: str, *files: str) -> tuple[Truth, Found]:
    truth = Truth.of(name)
    return truth, imported([truth.file(file) for file in files], **truth.wishes())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "file"), [*CAPTURES, *FIELDS])
def test_a_capture_tells_every_open_refusal_and_wait_with_its_blockers(
    name: str, file: str
) -> None:
    truth, found = found_in(name, file)
    assert unlike(truth, found.view.holdings, Proof()) == []
    assert refusals_of(found) == truth.refusals()
    assert episodes_of(found) == truth.episodes()
    assert found.imported.grade == "A"


def test_two_holders_that_come_and_go_are_told_each_with_its_handle() -> None:
    truth, found = found_in("9-open-read-close-loop", "tshark-fields.tsv")
    told = next(one for one in truth.told["episodes"] if one["waiter"]["machine"] == "SRV2")
    row = next(row for row in found.episodes if row.machine == "SRV2")
    assert len(row.holds) == len(told["blockers"]) == 8


@pytest.mark.parametrize("name", LOGGED)
def test_a_log_of_level_3_or_10_tells_every_open_and_refusal(name: str) -> None:
    truth, found = found_in(name, "smbd.log")
    is_whole = truth.told["server"]["log_level"] == "10"
    proof = Proof(has_access=is_whole, has_modes=is_whole, has_directories=False)
    assert unlike(truth, found.view.holdings, proof) == []
    assert refusals_of(found) == truth.refusals()
    if name != "7-byte-range":  # a log has no ranges
        assert episodes_of(found) == truth.episodes()
    assert found.imported.grade == ("A" if is_whole else "B")


def test_a_log_of_level_2_says_that_refusals_cannot_be_told_from_opens() -> None:
    truth, found = found_in("11-forty-clients", "smbd.log")
    assert found.refusals == []
    assert "opens and refused opens look alike" in found.notes
    real = [one for one in found.view.holdings if "never granted" not in one.reason]
    wrong = unlike(truth, real, Proof(has_access=False, has_modes=False))
    assert len(wrong) <= 1  # the last refusal of a client that does nothing more


@pytest.mark.parametrize("name", AUDITED)
def test_full_audit_tells_every_open_and_refusal_without_modes_and_statuses(name: str) -> None:
    truth, found = found_in(name, "audit.log")
    proof = Proof(tolerance_s=1.1, has_access=True, has_modes=False, has_durable=False)
    if name != "9-open-read-close-loop":  # ten opens a second cannot be told apart by their times
        assert unlike(truth, found.view.holdings, proof) == []
    assert len(found.view.holdings) == len(truth.opens)
    told = truth.refusals()
    ours = {(machine, path) for machine, path, _ in refusals_of(found)}
    if name == "12-new-folder-pointer":  # a refused rename leaves no line
        told = Counter({k: n for k, n in told.items() if k[2] != "STATUS_ACCESS_DENIED"})
    assert {key[:2] for key in told} <= ours
    assert "share modes are not in full_audit's lines" in found.notes
    assert all(not holding.share_mode for holding in found.view.holdings)


@pytest.mark.parametrize("name", ["2-nobody-closes", "5-delete-pending"])
def test_full_audit_that_smbd_writes_into_a_log_of_its_own_is_read_to_the_microsecond(
    name: str, tmp_path: Path
) -> None:
    truth = Truth.of(name)
    lines = truth.file("smbd.log").read_text("utf-8").splitlines()
    path = tmp_path / "audit.log"
    kept = (pair for pair in pairwise(lines) if pair[0].endswith("(do_log)"))
    path.write_text("".join(f"{first}\n{below}\n" for first, below in kept))
    found = imported([path], **truth.wishes())
    assert [track.kind.name for track in found.imported.tracks] == ["full-audit"]
    proof = Proof(has_modes=False, has_durable=False)
    assert unlike(truth, found.view.holdings, proof) == []
    assert {key[:2] for key in truth.refusals()} == {key[:2] for key in refusals_of(found)}
    assert "whole seconds" not in found.notes


def test_a_log_of_level_10_that_begins_with_its_configuration_is_of_grade_a(
    tmp_path: Path,
) -> None:
    truth = Truth.of("2-nobody-closes")
    first = "[2026/11/28 19:07:00.000001,  4, pid=1] ../../lib/param/loadparm.c:1(do_parameter)\n"
    path = tmp_path / "smbd.log"
    path.write_bytes(
        f"{first}  doing parameter log level = 10\n".encode() * 1000
        + truth.file("smbd.log").read_bytes()
    )
    assert imported([path], **truth.wishes()).imported.grade == "A"


@pytest.mark.parametrize("name", [*RECORDINGS, "14-capture-late", "15-encrypted"])
def test_samples_of_smbstatus_show_only_what_was_open_with_its_exact_beginning(name: str) -> None:
    truth, found = found_in(name, "smbstatus.jsonl")
    for holding in found.view.holdings:
        told = the_open(truth, holding, 0.15)
        assert parse_flags(ShareMode, holding.share_mode) == parse_flags(
            ShareMode, "|".join(told["share"])
        )
        if holding.closed_at is not None and told["to"] is not None:
            assert told["to"] <= holding.closed_at + 0.15 or "ghost_from" in told
            assert "gone from the samples between" in holding.reason
    assert found.refusals == []
    assert found.imported.grade == "C"
    assert "what was open for a shorter time may be missing" in found.notes
    assert "clients whose connection is gone" in found.notes


@pytest.mark.parametrize("name", [*RECORDINGS, "14-capture-late", "15-encrypted"])
def test_smbstatus_as_text_shows_the_same_without_delete_in_its_modes(name: str) -> None:
    truth, found = found_in(name, "smbstatus-L.txt")
    for holding in found.view.holdings:
        told = [
            one
            for one in truth.opens
            if fold_path(one["path"]) == fold_path(holding.path)
            and abs(one["from"] - holding.opened_at) <= 1.1
        ]
        assert told, holding
        assert holding.share_mode == ""
    assert "no DELETE" in found.notes


def test_smbstatus_without_options_says_who_has_the_files() -> None:
    _, found = found_in("7-byte-range", "smbstatus-B.txt")
    assert {(one.machine, one.user, one.share) for one in found.view.holdings} == {
        ("127.0.0.13", "carol", "pkg"),
        ("127.0.0.14", "erin", "pkg"),
        ("127.0.0.15", "dave", "pkg"),
    }


# -- what is not whole


@pytest.mark.slow
def test_a_capture_that_begins_late_has_a_blocker_that_nobody_recorded() -> None:
    _, found = found_in("14-capture-late", "capture.pcapng")
    (row,) = found.episodes
    assert (row.machine, row.attempt_count, row.state) == ("127.0.0.21", 3, "waiting")
    assert [hold.machine for hold in row.holds] == [""]
    assert row.holds[0].since == "before"
    assert "no logon is in it" in found.notes
    assert "older than the capture: names, access and share modes" in found.notes
    older = [one for one in found.view.holdings if one.since == "before"]
    assert [one.path for one in older] == ["?"]


@pytest.mark.slow
def test_with_samples_beside_it_the_late_capture_names_its_blocker_and_since_when() -> None:
    truth, found = found_in("14-capture-late", "capture.pcapng", "smbstatus.jsonl", "audit.log")
    assert (
        episodes_of(found) == {("SRV2", "office/b.dat", "open", 7, frozenset(["WS11"]), False)}
        or episodes_of(found) == truth.episodes()
    )
    (hold,) = found.episodes[0].holds
    assert (hold.user, hold.share_mode, hold.since) == ("alice", "READ", "")
    assert abs(hold.opened_at - truth.opens[0]["from"]) <= 1.1


@pytest.mark.slow
def test_an_encrypted_capture_is_said_to_be_encrypted() -> None:
    _, found = found_in("15-encrypted", "capture.pcapng")
    assert "are encrypted (SMB3) and say nothing" in found.notes
    assert found.view.holdings == [] and found.refusals == []


def test_fields_of_an_encrypted_capture_without_keys_have_no_opens() -> None:
    _, found = found_in("15-encrypted", "tshark-fields-without-keys.tsv")
    assert found.view.holdings == []


@pytest.mark.slow
def test_a_holder_that_was_switched_off_is_silent_and_its_end_is_the_servers() -> None:
    _, found = found_in("13-silent-ghost", "capture.pcapng")
    assert "WS15, which holds office/b.dat, is silent since 2026-11-28 19:08:28" in found.notes
    (ghost,) = [one for one in found.view.holdings if one.machine == "WS15"]
    assert ghost.reason == "ended by the server"


@pytest.mark.slow
def test_a_durable_open_outlives_its_connection_until_somebody_wants_the_file() -> None:
    _, found = found_in("8-connection-dies", "capture.pcapng")
    (ghost,) = [one for one in found.view.holdings if one.machine == "WS15"]
    assert ghost.reason.startswith("thrown out by an open of SRV2")
    assert "may live on after its connection ended" in found.notes


def test_nobody_is_said_to_have_given_up() -> None:
    _, found = found_in("2-nobody-closes", "smbd.log")
    assert "made no further attempt on office/b.dat" in found.notes
    assert "whether it gave up is in no trace" in found.notes
    assert [row.state for row in found.episodes] == ["waiting"]


def test_what_tshark_wrote_with_j_is_said_to_have_nothing_in_it() -> None:
    for file in ("tshark.json", "tshark-ek.ndjson"):
        _, found = found_in("1-one-holder-blocks", file)
        assert "it was written with tshark's -j" in found.notes


def test_a_clock_of_another_zone_is_set_right_by_what_both_saw() -> None:
    truth = Truth.of("12-new-folder-pointer")
    files = [truth.file("tshark-fields.tsv"), truth.file("audit.log")]
    found = imported(files, server="FS1")
    assert "ahead of that of tshark-fields.tsv" in found.notes
    assert unlike(truth, found.view.holdings, Proof()) == []


# -- what could not be recorded


def test_get_smb_open_file_and_openfiles_are_samples_by_the_names_of_their_files() -> None:
    truth = Truth("synthetic", json.loads((TRACES / "synthetic/truth.json").read_text("utf-8")))
    for pattern, share in (("Get-SmbOpenFile_*.json", "apps"), ("openfiles-v_*.csv", "D$")):
        found = imported(sorted((TRACES / "synthetic").glob(pattern)), server="FS9")
        files = {
            fold_path(one.path).removeprefix("APPS/"): one
            for one in found.view.holdings
            if one.user != "deploy"
        }
        assert set(files) >= {"OFFICE/B.DAT", "OFFICE/C.DAT", "OFFICE"}
        held = files["OFFICE/B.DAT"]
        assert (held.user, held.share, held.since) == ("alice", share, "before")
        assert held.closed_at is not None
        assert held.opened_at <= truth.opens[0]["to"] <= held.closed_at
        assert "has no share modes" in found.notes


def test_the_security_log_has_opens_and_closes_and_no_refusal() -> None:
    truth = Truth("synthetic", json.loads((TRACES / "synthetic/truth.json").read_text("utf-8")))
    found = imported([TRACES / "synthetic/security-events.xml"])
    for told in truth.opens:
        held = next(
            one
            for one in found.view.holdings
            if (one.user, one.path) == (told["user"], told["path"])
        )
        assert abs(held.opened_at - told["from"]) < 0.01
        assert (held.machine, held.share) == (told["ip"], "apps")
        assert (held.closed_at is None) == (told["to"] is None)
    assert found.refusals == []
    assert "6 accesses were checked (5145) and no handle followed" in found.notes


def test_procmon_has_the_waiter_with_its_program_and_crosses_midnight() -> None:
    truth = Truth("synthetic", json.loads((TRACES / "synthetic/truth.json").read_text("utf-8")))
    found = imported([TRACES / "synthetic/procmon-default-columns.csv"], names={"LOCAL": "DEPLOY1"})
    told = [(one["path"], one["refusals"], True) for one in truth.told["episodes"]]
    assert [(r.path, r.attempt_count, r.state == "resolved") for r in found.episodes] == told
    assert {(row.machine, row.program) for row in found.episodes} == {("DEPLOY1", "DEPLOY.EXE")}
    assert found.view.ledger.rows()[0].holds[0].machine == ""


def test_procmon_on_the_holders_machine_names_the_program_in_the_way() -> None:
    found = imported([TRACES / "synthetic/procmon-all-columns.csv"])
    (row,) = found.episodes
    (hold,) = row.holds
    assert (hold.program, hold.access, hold.share_mode) == (
        "WINWORD.EXE",
        "READ|READ_EA|READ_ATTRIBUTES|READ_CONTROL|SYNCHRONIZE",
        "READ",
    )


def the_open(truth: Truth, holding: Holding, tolerance_s: float) -> dict[str, Any]:
    """The open that a sample shows."""
    same = [
        one
        for one in truth.opens
        if fold_path(one["path"]) == fold_path(holding.path)
        and one["user"] == holding.user
        and abs(one["from"] - holding.opened_at) <= tolerance_s + one.get("uncertainty_s", 0)
    ]
    assert same, f"{holding} never was"
    return same[0]


def fold_path(path: object) -> str:
    return str(path).upper()
