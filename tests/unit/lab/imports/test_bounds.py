"""Whatever a file of an import holds: no more is kept than the limits say, and what is left out is
told.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time

import pytest

from despoolr_core.records.kinds.share import OpenClosed, OpenGranted
from despoolr_core.records.stream import of
from despoolr_lab.imports.capture import dialogue, frames, layers, requests, streams
from despoolr_lab.imports.capture.fields import read as read_fields
from despoolr_lab.imports.dav import access_log
from despoolr_lab.imports.fold import blockers, merge, notes, table, trace_recorder
from despoolr_lab.imports.samba import audit, audit_line, status_json
from despoolr_lab.imports.samba.syslog import LinesLeftOut, parse_left_out
from despoolr_lab.imports.traces import source
from despoolr_lab.imports.traces.seen import Opened, Who
from despoolr_lab.imports.traces.source import ImportFailed, TraceFile
from despoolr_lab.imports.windows import security
from worlds.traces import TRACES, imported

HEADER = "\t".join(frames.FIELDS)


def fields(tmp_path: Path, *rows: dict[str, str]) -> Path:
    path = tmp_path / "fields.tsv"
    lines = ["\t".join(row.get(name, "") for name in frames.FIELDS) for row in rows]
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def fields_of(path: Path) -> Iterator[frames.Frame]:
    """The frames of a file of fields."""
    source = TraceFile(path)
    return read_fields(source, source.lines())


def pair(number: int, fid: str, name: str = "a.dat", at: float = 1e9) -> list[dict[str, str]]:
    common = {
        "tcp.stream": "0",
        "smb2.sesid": "0x01",
        "smb2.tid": "0x01",
        "smb2.msg_id": str(number),
        "smb2.cmd": "5",
    }
    asked = {
        "frame.time_epoch": str(at + number),
        "ip.src": "10.0.0.1",
        "ip.dst": "10.0.0.2",
        "tcp.srcport": "5000",
        "tcp.dstport": "445",
        "smb2.flags.response": "0",
        "smb2.filename": name,
        "smb2.create.disposition": "1",
        "smb.access_mask": "0x00000001",
        "smb.share_access": "0x00000001",
    }
    answer = {
        "frame.time_epoch": str(at + number + 0.001),
        "ip.src": "10.0.0.2",
        "ip.dst": "10.0.0.1",
        "tcp.srcport": "445",
        "tcp.dstport": "5000",
        "smb2.flags.response": "1",
        "smb2.nt_status": "0x00000000",
        "smb2.create.action": "1",
        "smb2.fid": fid,
    }
    return [common | asked, common | answer]


def test_a_line_past_the_bound_is_cut_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "LINE_SIZE_MAX", 64)
    path = tmp_path / "lines"
    path.write_bytes(b"a" * 63 + b"\n" + b"b" * 200 + b"\nc\n")
    read = TraceFile(path)
    assert [len(line) for line in read.raw_lines(64)] == [63, 64, 1]
    assert "line 2 is too long" in read.damage


def test_damage_is_counted_and_the_first_of_it_told(tmp_path: Path) -> None:
    read = TraceFile(tmp_path / "log")
    for number in range(source.DAMAGES_TOLD_MAX + 3):
        read.damaged(f"line {number} " + "x" * 1000)
    assert read.damage_count == source.DAMAGES_TOLD_MAX + 3
    assert "and 3 more" in read.damage and len(read.damage) < 2000


def test_names_and_paths_are_cut_at_their_bounds() -> None:
    assert len(source.name("x" * 5000)) == source.NAME_SIZE_MAX
    assert len(source.path_below("x/" * 9000)) == source.PATH_SIZE_MAX


def test_a_request_that_nobody_answers_is_forgotten_past_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "REQUESTS_MAX", 2)
    asked = [pair(number, "f")[0] for number in range(1, 5)]
    found = imported([fields(tmp_path, *asked, pair(9, "f1")[0], pair(9, "f1")[1])])
    assert len(found.view.holdings) == 1
    assert "3 requests or files were forgotten" in found.notes


def test_a_file_id_is_forgotten_past_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialogue, "FILES_MAX", 2)
    rows = [row for number in range(1, 5) for row in pair(number, f"f{number}")]
    assert "2 requests or files were forgotten" in imported([fields(tmp_path, *rows)]).notes


def test_a_frame_with_more_commands_than_one_can_have_is_damage(tmp_path: Path) -> None:
    row = pair(1, "f")[0] | {"smb2.cmd": ",".join(["5"] * (frames.COMMANDS_MAX + 1))}
    found = imported([fields(tmp_path, row, *pair(2, "f"))])
    assert len(found.view.holdings) == 1
    assert "line 2 holds what is no number" in found.notes


def test_a_frame_of_json_past_the_bound_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "FRAME_SIZE_MAX", 200)
    path = tmp_path / "frames.json"
    path.write_text('[\n  {\n    "_source": {"layers": {"a": "' + "x" * 500 + '"}}\n  }\n]\n')
    found = imported([path])
    assert "frame 1 is too long" in found.notes


def test_json_in_json_in_json_is_damage_and_no_end_of_the_stack(tmp_path: Path) -> None:
    path = tmp_path / "frames.ndjson"
    deep = '{"a":' * 5000 + "1" + "}" * 5000
    path.write_text('{"index":{}}\n{"timestamp":"1","layers":' + deep + "}\n")
    assert imported([path]).view.holdings == []


def test_a_sample_past_the_bound_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_json, "SAMPLE_SIZE_MAX", 1000)
    line = (TRACES / "1-one-holder-blocks/smbstatus.jsonl").read_text().splitlines()[7]
    path = tmp_path / "share.jsonl"
    path.write_text(line + "\n")
    found = imported([path], wanted="smbstatus-json")
    assert found.view.holdings == [] and "is too long" in found.notes


def test_an_event_past_the_bound_is_damage_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (TRACES / "synthetic/security-events.xml").read_text("utf-8")
    begin = "<Event xmlns='x'><System>" + "y" * security.EVENT_SIZE_MAX
    path = tmp_path / "events.xml"
    path.write_text("Microsoft-Windows-Security-Auditing\n" + begin + "\n" + text)
    found = imported([path], wanted="windows-security")
    assert "an event is too long, or has no end" in found.notes
    assert len(found.view.holdings) >= 3


def test_an_event_with_a_document_type_is_damage_and_expands_nothing(tmp_path: Path) -> None:
    path = tmp_path / "events.xml"
    path.write_text(
        "<Event xmlns='x'><!DOCTYPE a [<!ENTITY b 'Microsoft-Windows-Security-Auditing'>]>"
        "<System><EventID>4656</EventID></System></Event>"
    )
    found = imported([path], wanted="windows-security")
    assert found.view.holdings == [] and "1 damaged" in found.notes


def test_so_many_blockers_are_named_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blockers, "BLOCKERS_MAX", 3)
    rows = [row for number in range(1, 6) for row in pair(number, f"f{number}")]
    asked, answer = pair(7, "")
    refused = [
        asked | {"smb.access_mask": "0x00000002"},
        answer | {"smb2.nt_status": "0xc0000043", "smb2.fid": ""},
    ]
    found = imported([fields(tmp_path, *rows, *refused)])
    assert [len(refused.blockers) for _, refused in found.refusals] == [3]
    assert "5 opens are in the way of a refusal of a.dat: the 3 oldest are named" in found.notes


def test_an_open_that_is_forgotten_past_the_bound_is_not_said_to_be_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "OPENS_MAX", 3)
    rows = [row for number in range(1, 6) for row in pair(number, f"f{number}")]
    found = imported([fields(tmp_path, *rows)])
    reasons = [closed.reason for _, closed in of(found.records, OpenClosed)]
    assert reasons == [trace_recorder.TOO_MANY] * 2 and "nobody saw its close" in reasons[0]
    assert found.notes.count("opens are held at one time") == 1


def test_what_is_remembered_of_each_file_to_merge_them_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(merge, "TIMES_MAX", 5)
    monkeypatch.setattr(merge, "SHARES_MAX", 1)
    monkeypatch.setattr(merge, "SERVERS_MAX", 0)
    story = TRACES / "1-one-holder-blocks"
    found = imported([story / "tshark-fields.tsv", story / "audit.log"])
    for track in found.imported.tracks:
        survey = track.survey
        assert survey is not None and len(survey.shares) == 1 and not survey.servers
        count = sum(len(one) for one in survey.opens.values())
        count += sum(len(one) for one in survey.refusals.values())
        assert count == 5 // 2


def test_so_many_notes_are_recorded_and_the_rest_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notes, "NOTES_MAX", 1)
    found = imported([TRACES / "8-connection-dies/tshark-fields.tsv"])
    assert "more notes were left out" in found.notes


def test_waiters_of_an_access_log_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "WAITERS_MAX", 1)
    line = '10.0.0.{n} - - [05/Oct/2026:09:0{m}:00 +0000] "PUT /f HTTP/1.1" {s} 0'
    asked = [(1, 0, 423), (2, 1, 423), (1, 2, 204), (2, 3, 204)]
    path = tmp_path / "access.log"
    path.write_text("\n".join(line.format(n=n, m=m, s=s) for n, m, s in asked) + "\n")
    assert [row.state for row in imported([path]).episodes] == ["resolved", "waiting"]


def test_clients_of_an_audit_log_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "CLIENTS_MAX", 2)
    line = "Nov 28 19:07:0{n} fs1 smbd_audit: u{n}|10.0.0.{n}|m{n}|pkg|close|ok|/srv/pkg/{n}"
    lines = [line.format(n=n) for n in range(9)]
    reader = audit.AuditReader(TraceFile(tmp_path / "log", year=2026))
    list(reader.read(iter(lines)))
    assert reader.client_count == 2


def test_opens_of_an_audit_log_that_were_closed_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "HANDLES_MAX", 2)
    line = "Nov 28 19:07:{s:02} fs1 smbd_audit: u|10.0.0.1|m|pkg|{what}/srv/pkg/{n}"
    created = "create_file|ok|0x1|file|open|"
    told = [(n, what) for n in range(5) for what in (created, "close|ok|")]
    told += [(n, created) for n in range(5, 9)]
    path = tmp_path / "audit.log"
    path.write_text(
        "\n".join(line.format(s=s * 3, n=n, what=what) for s, (n, what) in enumerate(told))
    )
    found = imported([path]).view.holdings
    assert len(found) == 7 and sum(one.closed_at is None for one in found) == 2


def test_a_packed_file_is_read_and_one_that_is_cut_off_is_damage(tmp_path: Path) -> None:
    packed = gzip.compress((TRACES / "1-one-holder-blocks/audit.log").read_bytes())
    whole, half = tmp_path / "audit.log.gz", tmp_path / "half.log.gz"
    whole.write_bytes(packed)
    half.write_bytes(packed[: len(packed) - 8])
    assert len(imported([whole]).view.holdings) == 8
    assert "cut off or damaged" in imported([half]).notes


def test_a_file_that_powershell_wrote_is_read(tmp_path: Path) -> None:
    text = (TRACES / "synthetic/Get-SmbOpenFile_2026-10-05_091600Z.json").read_text("utf-8-sig")
    path = tmp_path / "open.json"
    path.write_bytes(text.encode("utf-16"))
    assert [one.user for one in imported([path]).view.holdings] == ["alice"]


def test_what_looks_like_nothing_is_refused_with_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "shopping.txt"
    path.write_text("milk\n")
    with pytest.raises(ImportFailed, match="looks like no format"):
        imported([path])
    path.write_text("")
    with pytest.raises(ImportFailed, match="is empty"):
        imported([path])
    with pytest.raises(ImportFailed, match="did you mean 'smbd-log'"):
        imported([path], wanted="smb-log")


def test_an_empty_file_among_samples_is_a_sample_of_nothing(tmp_path: Path) -> None:
    first = TRACES / "synthetic/Get-SmbOpenFile_2026-10-05_091600Z.json"
    nothing = tmp_path / "open_2026-10-05_092000Z.json"
    nothing.write_text("")
    (held,) = imported([first, nothing]).view.holdings
    assert held.closed_at is not None and "gone from the samples" in held.reason


def test_hidden_names_are_equal_where_the_names_are_and_tell_nothing() -> None:
    path = TRACES / "1-one-holder-blocks/tshark-fields.tsv"
    found = imported([path], is_hidden=True, salt=b"s", server="FS1")
    again = imported([path], is_hidden=True, salt=b"s", server="FS1")
    opens = [granted for _, granted in of(found.records, OpenGranted)]
    assert opens == [granted for _, granted in of(again.records, OpenGranted)]
    told = json.dumps([[o.machine, o.user, o.path, o.server] for o in opens]) + found.notes
    assert not any(name in told for name in ("WS11", "SRV2", "alice", "office", "FS1"))
    assert all(one.path.endswith(".dat") and one.path.count("/") == 1 for one in opens)
    assert len({one.machine for one in opens}) == 2


@pytest.mark.parametrize(
    "cell", ["a" * 200_000, "1000000000.0\rb"], ids=["too long", "a line in it"]
)
def test_a_quoted_frame_that_is_damaged_is_told(cell: str, tmp_path: Path) -> None:
    path = tmp_path / "fields.csv"
    heading = '"frame.time_epoch","smb2.cmd"'
    path.write_bytes(f'{heading}\n"{cell[:12]}"{cell[12:]},"5"\n'.encode())
    assert "1 damaged, left out: line 2 is damaged" in imported([path]).notes


@pytest.mark.parametrize(
    "columns",
    ["date time x x x cs-method cs-uri-stem sc-status", "date time-taken cs-method cs-uri-stem"],
    ids=["a column twice", "a column that only begins like another"],
)
def test_rows_that_do_not_fit_the_columns_of_an_access_log_are_damaged(
    columns: str, tmp_path: Path
) -> None:
    path = tmp_path / "access.log"
    heading = "#Fields: date time cs-method cs-uri-stem sc-status\n"
    path.write_text(f"{heading}#Fields: {columns} sc-status\n2026-10-05 07:00:00 1 2 3 4 5\n")
    assert "1 damaged, left out: line 3 is no line of an access log" in imported([path]).notes


def session(number: int, **more: str) -> list[dict[str, str]]:
    """A logon on a session of its own, and its answer."""
    asked, answer = pair(number, "")
    own = {"smb2.cmd": "1", "smb2.sesid": hex(number), "smb2.filename": ""} | more
    return [asked | own | {"smb2.acct": f"u{number}"}, answer | own]


def test_sessions_of_a_capture_are_forgotten_past_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SESSIONS_MAX", 3)
    told = list(fields_of(fields(tmp_path, *[row for n in range(1, 9) for row in session(n)])))
    read = dialogue.Dialogue()
    list(read.read(told))
    assert [session for session, _ in read._streams.left()] == ["0x6", "0x7", "0x8"]
    assert len(read._streams._accounts) == len(read._streams._on) == 3


def test_connections_of_a_capture_are_forgotten_past_the_bound_with_what_was_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "STREAMS_MAX", 2)
    rows = [row for n in range(1, 9) for row in session(n, **{"tcp.stream": str(n)})]
    read = dialogue.Dialogue()
    list(read.read(fields_of(fields(tmp_path, *rows))))
    assert [session for session, _ in read._streams.left()] == ["0x7", "0x8"]
    assert read._streams._on.keys() == {"0x7", "0x8"}


def test_a_session_on_more_connections_than_are_remembered_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SESSIONS_MAX", 2)
    rows = [
        row
        for n in range(1, 6)
        for row in session(n, **{"tcp.stream": str(n), "smb2.sesid": "0x9"})
    ]
    read = dialogue.Dialogue()
    list(read.read(fields_of(fields(tmp_path, *rows))))
    assert [session for session, _ in read._streams.left()] == ["0x9"] * 5


def test_requests_that_wait_are_forgotten_past_their_bound_of_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "WAITING_SIZE_MAX", 20_000)
    asked = [pair(number, "f", "x" * 9000)[0] for number in range(1, 6)]
    found = imported([fields(tmp_path, *asked, *pair(9, "f1"))])
    assert len(found.view.holdings) == 1
    assert "3 requests or files were forgotten" in found.notes


@pytest.mark.parametrize("field", ["tcp.stream", "smb2.msg_id", "smb2.sesid", "smb2.fid"])
def test_a_frame_whose_ids_are_too_long_is_left_out_and_told(field: str, tmp_path: Path) -> None:
    long = "1" * (streams.ID_SIZE_MAX + 1)
    rows = [row | {field: long} for row in pair(1, "f")]
    found = imported([fields(tmp_path, *rows, *pair(2, "f"))])
    assert len(found.view.holdings) == 1
    assert "2 frames with ids that are too long" in found.notes


LINES = 100_000
SMBD = "[2024/01/01 00:00:00, 3] ../a.c:1({})\n"
LONG_LINES = [
    ("smbstatus", "Service      pid     Machine       Connected at\n", "a", " "),
    ("smbstatus", "Pid   Uid   DenyMode\n", "1 1 DENY_NONE 0x1 RDONLY NONE /a", " "),
    ("smbstatus", "PID   Username\n", "1 alice users", " "),
    ("smbstatus", "PID   Username\n", "1 alice users ", "x (ipv4:a"),
    ("smbd-log", "", "[2024/01/01 00:00:00, 1", "1"),
    ("smbd-log", SMBD.format("make_connection_snum"), "", "="),
    ("smbd-log", SMBD.format("make_connection_snum"), "", "x (ipv4:1:1) connect to service a"),
    ("smbd-log", SMBD.format("open_file"), "u", " opened file a"),
    ("smbd-log", SMBD.format("close_file"), "u", " closed file a"),
    ("smbd-log", SMBD.format("smbd_smb2_request_error_ex"), "status[NT_STATUS_A] || at ", "_"),
    ("smbd-log", SMBD.format("rename_internals_fsp"), "rename_internals_fsp: a", " rename a"),
    (
        "smbd-log",
        SMBD.format("create_file_default"),
        "",
        "create_file: access_mask = 1 share_access = 1, create_disposition = 1 ",
    ),
    ("access-log", "", '10.0.0.1 - - [05/Oct/2026:09:00:00 +0000] "PUT /', "a"),
]


@pytest.mark.parametrize(("kind", "head", "begin", "piece"), LONG_LINES)
def test_a_long_line_takes_no_longer_than_its_length(
    kind: str, head: str, begin: str, piece: str, tmp_path: Path
) -> None:
    path = tmp_path / "long"
    path.write_text(f"{head}{begin}{piece * (LINES // len(piece))}\n")
    began = process_time()
    imported([path], wanted=kind)
    assert process_time() - began < 2.0


def test_a_line_that_says_often_that_it_was_repeated_takes_no_longer_than_its_length() -> None:
    began = process_time()
    assert parse_left_out("message repeated 2 times: [ " * 20_000) is None
    assert process_time() - began < 2.0
    said = parse_left_out("smbd: message repeated 2 times, message repeated 3 times: [ a [b]]")
    assert said == LinesLeftOut("smbd: message repeated 2 times, ", 3, "a [b]")


def test_a_share_is_looked_for_in_a_servers_own_path_up_to_a_bound() -> None:
    def opened(handle: str, share: str, path: str) -> Opened:
        return Opened(1.0, handle, Who(), share, path, 1, 1)

    opens = table.KnownOpens()
    for number in range(table.OWN_PATHS_MAX + 1):
        path = f"{number}/APPS/a" if number else "x/" * (table.OWN_DEPTH_MAX - 1) + "APPS/a"
        opens.add(table.Known(f"O{number}", 0, opened(str(number), "D$", path), "FS", "", "", ""))
    assert len(opens.by_own_path("FS", "APPS", "a")) == table.OWN_PATHS_MAX
    opens.add(table.Known("S", 0, opened("s", "APPS", "a"), "FS", "", "", ""))
    for deep, count in ((table.OWN_DEPTH_MAX - 1, 1), (table.OWN_DEPTH_MAX, 0)):
        assert len(opens.by_own_path("FS", "D$", "x/" * deep + "APPS/a")) == count
    began = process_time()
    for _ in range(2_000):
        opens.by_own_path("FS", "D$", "x/" * (source.PATH_SIZE_MAX // 2))
    assert process_time() - began < 2.0


def test_a_head_of_empty_lines_is_told_from_a_sample_in_no_time() -> None:
    began = process_time()
    assert not status_json.sniff("\n" * 60_000 + '"timestamp" "smb_conf"')
    assert process_time() - began < 2.0


def test_parts_of_an_audit_line_are_told_apart_up_to_a_bound() -> None:
    prefix = ["u"] * (audit_line.PARTS_MAX - 4)
    line = "|".join([*prefix, "close", "ok", "/srv/a"])
    assert audit_line.split(line) == (prefix, "close", "ok", ["/srv/a"])
    assert audit_line.split("u|" * 10 + line) is None


@pytest.mark.parametrize("preset", [0, 9])
def test_xz_of_every_preset_is_read(tmp_path: Path, preset: int) -> None:
    packed = tmp_path / "a.log.xz"
    packed.write_bytes(lzma.compress(b"one\ntwo\n", preset=preset) + bytes(8) + lzma.compress(b"3"))
    assert [*TraceFile(packed).lines()] == ["one", "two", "3"]


@pytest.mark.parametrize("pack", [lzma.compress, gzip.compress, bz2.compress])
def test_the_head_of_a_joined_file_goes_on_past_its_first_part(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    """Its format may not be told by the first part, as where that is a line of blanks."""
    packed, parts = tmp_path / "a.log", [b"one\n", b"two\n", b"x" * source.HEAD_SIZE]
    packed.write_bytes(b"".join(map(pack, parts)))
    assert TraceFile(packed).head() == b"".join(parts)[: source.HEAD_SIZE]
    packed.write_bytes(pack(parts[0]) + pack(parts[1])[:-9])
    assert TraceFile(packed).head().startswith(b"one\n")
    packed.write_bytes(pack(parts[0])[:-9])
    assert TraceFile(packed).head() == b"one\n"
    packed.write_bytes(pack(parts[0])[:10])
    with pytest.raises(ImportFailed, match="cannot read"):
        TraceFile(packed).head()


def test_xz_that_asks_for_more_memory_than_xz_9_is_refused(tmp_path: Path) -> None:
    def packed(size: int) -> TraceFile:
        whole = tmp_path / f"{size}.xz"
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": size}]
        whole.write_bytes(lzma.compress(b"one\n", filters=filters))
        return TraceFile(whole)

    assert [*packed(64 << 20).lines()] == ["one"]
    with pytest.raises(ImportFailed, match="more than 80 MiB of memory to unpack: unpack it first"):
        packed(96 << 20).head()
