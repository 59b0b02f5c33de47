"""What tools of other versions, options and languages write of the same story is the same story:
recordings and invented ones, written otherwise.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from despoolr_lab.imports.dav import json_line
from despoolr_lab.imports.samba import syslog
from despoolr_lab.imports.traces.dates import stamp_of, utc_seconds
from despoolr_lab.imports.traces.source import ImportFailed
from worlds.traces import TRACES, Found, imported

STATUS = "7-byte-range/smbstatus-B.txt"
SAMPLES = "1-one-holder-blocks/smbstatus-L.txt"
JSON = "1-one-holder-blocks/smbstatus.jsonl"
AUDIT = "1-one-holder-blocks/audit.log"
FIELDS = "1-one-holder-blocks/tshark-fields.tsv"
OPENFILES = "synthetic/openfiles-v_2026-10-05_091000Z.csv"
SMB_JSON = "synthetic/Get-SmbOpenFile_2026-10-05_091000Z.json"
SMB_CSV = "synthetic/Get-SmbOpenFile_2026-10-05_091000Z.csv"
PROCMON = "synthetic/procmon-all-columns.csv"
SECURITY = "synthetic/security-events.xml"


def story(found: Found) -> Any:
    """Who held what, in which mode, when; who was refused what, because of whom; how waits
    ended.
    """
    holds = Counter(
        (h.machine, h.user, h.share, h.path, h.access, h.share_mode, h.opened_at, h.closed_at)
        for h in found.view.holdings
    )
    refusals = [
        (at, one.machine, one.path, [(b.machine, b.share_mode) for b in one.blockers])
        for at, one in found.refusals
    ]
    return holds, refusals, [(row.machine, row.path, row.state) for row in found.episodes]


def told(file: str, change: Callable[[str], str | bytes], path: Path) -> tuple[Found, Found]:
    """What is found in a file, and in the same one written otherwise."""
    there = TRACES / file
    text = there.read_bytes().decode("utf-8-sig")
    changed = change(text)
    written = path / there.name
    written.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
    assert written.read_bytes() != there.read_bytes(), "nothing was changed"
    return imported([there]), imported([written])


def same(file: str, change: Callable[[str], str | bytes], path: Path) -> Found:
    first, second = told(file, change, path)
    assert first.view.holdings
    assert story(second) == story(first)
    assert not any(source.damages for track in second.imported.tracks for source in track.sources)
    return second


def dated(make: Callable[[dt.datetime], str]) -> Callable[[str], str]:
    """smbstatus's text with the lines of `date` in another form."""

    def change(text: str) -> str:
        return re.sub(
            r"^\w{3} (\w{3} +\d+ [\d:]+) UTC (\d{4})$",
            lambda found: make(dt.datetime.strptime(f"{found[1]} {found[2]}", "%b %d %H:%M:%S %Y")),
            text,
            flags=re.MULTILINE,
        )

    return change


DATES = {
    "en_US of today": lambda at: at.strftime("%a %b %d %I:%M:%S %p UTC %Y"),
    "en_US of Debian": lambda at: at.strftime("%a %d %b %Y %I:%M:%S %p UTC"),
    "en_GB": lambda at: at.strftime("%a %d %b %H:%M:%S UTC %Y"),
    "de_DE": lambda at: at.strftime("Sa %d. Nov %H:%M:%S UTC %Y"),
    "fr_FR": lambda at: at.strftime("mar. %d nov. %Y %H:%M:%S UTC"),
    "date -R": lambda at: at.strftime("%a, %d %b %Y %H:%M:%S +0000"),
    "date -Is": lambda at: at.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
    "date +%s": lambda at: str(int(at.replace(tzinfo=dt.UTC).timestamp())),
}


@pytest.mark.parametrize("form", DATES)
def test_smbstatus_after_a_date_of_any_language(form: str, tmp_path: Path) -> None:
    same(STATUS, dated(DATES[form]), tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Do 5. Mär 16:03:23 CET 2026", "2026-03-05 16:03:23"),
        ("jeudi 5 mars 2026, 16:03:23 (UTC+0100)", "2026-03-05 15:03:23"),
        ("mar 3 nov 2026, 16:03:23, CET", "2026-11-03 16:03:23"),
        ("lun 30 juin 2026 04:03:23 PM", "2026-06-30 16:03:23"),
        ("vie 31 jul 2026 12:03:23 AM", "2026-07-31 00:03:23"),
        ("dom 6 set 2026, 16:03:23, CEST", "2026-09-06 16:03:23"),
        ("Sat Feb 30 16:03:23 UTC 2026", ""),
        ("Samba version 4.17.12-Debian", ""),
        ("16:03:23 up 3 days, 2026", ""),
    ],
)
def test_a_date_has_a_month_by_its_name(text: str, says: str) -> None:
    found = stamp_of(text)
    assert (
        dt.datetime.fromtimestamp(found.at, dt.UTC).strftime("%Y-%m-%d %H:%M:%S") if found else ""
    ) == says


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"User\(ID\)  ", "Uid       "),
        (r" (2000\d) ", r" erin(\1) "),
        (r" staff  ", " EXAMPLE\\\\domain users  "),
        (r"\(ipv4:([\d.]+):\d+\)", r"(\1)"),
        (r"^(298\d\d) ", r"0:\1 "),
        ("\n", "\r\n"),
    ],
)
def test_smbstatus_of_other_versions(old: str, new: str, tmp_path: Path) -> None:
    def change(text: str) -> str:
        whole = re.sub(old, new, text, flags=re.MULTILINE)
        if new.startswith("0:"):
            whole = re.sub(r"^(pkg +)(298\d\d)", r"\g<1>0:\2", whole, flags=re.MULTILINE)
        return whole

    same(STATUS, change, tmp_path)


def test_a_share_with_a_blank_in_its_name_is_that_share(tmp_path: Path) -> None:
    _, found = told(
        STATUS, lambda text: re.sub("^pkg   ", "my pkg", text, flags=re.MULTILINE), tmp_path
    )
    assert {hold.share for hold in found.view.holdings} == {"my pkg"}


def test_smbstatus_names_the_user_of_a_row_where_it_has_the_name(tmp_path: Path) -> None:
    _, found = told(SAMPLES, lambda text: text.replace(" 20001 ", " EX\\alice(20001) "), tmp_path)
    assert {hold.user for hold in found.view.holdings} == {"alice"}


def pretty(text: str) -> str:
    return "\n".join(json.dumps(json.loads(line), indent=2) for line in text.splitlines())


JSONS: dict[str, Callable[[str], str | bytes]] = {
    "one under the other": pretty,
    "warnings between": lambda text: "".join(
        f"WARNING: some socket options may not work\n{line}\n" for line in text.splitlines()
    ),
    "an array": lambda text: "[" + ",\n".join(text.splitlines()) + "]\n",
    "an array of jq": lambda text: json.dumps([json.loads(x) for x in text.splitlines()], indent=2),
    "numbers for process and file": lambda text: re.sub(
        r'"(pid|share_file_id)": ?"(\d+)"', r'"\1": \2', text
    ),
    "fields of later versions": lambda text: text.replace(
        '"sessions":', '"creation_time": "x", "channels": {"1": {}}, "sessions":'
    ),
    "UTF-8 with its mark and CRLF": lambda text: (
        b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    ),
}


@pytest.mark.parametrize("form", JSONS)
def test_smbstatus_as_json_of_other_versions_and_hands(form: str, tmp_path: Path) -> None:
    same(JSON, JSONS[form], tmp_path)


def prefixed(make: Callable[[str, str, str, str], str]) -> Callable[[str], str]:
    return lambda text: re.sub(
        r"smbd_audit: ([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|",
        lambda found: f"smbd_audit: {make(*found.groups())}|",
        text,
    )


def iso(make: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: re.sub(
        r"^Nov (\d\d) ([\d:]+) fs1 smbd_audit:",
        lambda found: make(f"2026-11-{found[1]}T{found[2]}"),
        text,
        flags=re.MULTILINE,
    )


AUDITS: dict[str, Callable[[str], str | bytes]] = {
    "names before its parts": prefixed(
        lambda u, i, m, s: f"IP={i}|USER={u}|MACHINE={m}|VOLUME={s}"
    ),
    "the share first": prefixed(lambda u, i, m, s: f"{s}|{u}|{i}|{m}"),
    "the address first": prefixed(lambda u, i, m, s: f"{i}|{u}|{m}|{s}"),
    "a time in it": prefixed(lambda u, i, m, s: f"{u}|{i}|{m}|{s}|2026/11/28 19:07:08"),
    "rsyslog's times": iso(lambda at: f"{at}.000000+00:00 fs1 smbd_audit[71]:"),
    "journalctl -o short-iso": iso(lambda at: f"{at}+0000 fs1 smbd_audit[71]:"),
    "RFC 5424": iso(lambda at: f"<185>1 {at}.000Z fs1 smbd_audit 71 - -"),
    "syslog with a year": lambda text: text.replace("Nov 28 ", "Nov 28 2026 "),
    "a priority": lambda text: text.replace("Nov 28 ", "<133>Nov 28 "),
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "smbd's pid": lambda text: text.replace("smbd_audit:", "smbd_audit[1234]:"),
    "other operations between": lambda text: re.sub(
        r"^(.*)\|create_file\|ok\|.*\|([^|]*)$",
        r"\1|openat|ok|r|\2\n\g<0>\n\1|pread_send|ok|\2\n\1|get_nt_acl_at|ok|\2",
        text,
        flags=re.MULTILINE,
    ),
}


@pytest.mark.parametrize("form", AUDITS)
def test_full_audit_with_any_prefix_and_any_syslog(form: str, tmp_path: Path) -> None:
    same(AUDIT, AUDITS[form], tmp_path)


REPEATED = {
    "rsyslog": "smbd_audit: message repeated {} times: [ {}]",
    "syslogd": "last message repeated {} times",
}


@pytest.mark.parametrize("form", REPEATED)
def test_a_syslog_that_leaves_repeated_lines_out_tells_the_same_story(
    form: str, tmp_path: Path
) -> None:
    """A close, and the two of smbd's own before a refused open, are three equal lines."""
    begins = "Nov 28 19:07:{:02} fs1 "
    client = "alice|10.0.0.5|ws11|pkg|"
    opened = f"smbd_audit: {client}create_file|ok|0x1|file|open|/srv/pkg/b.dat"
    close = f"{client}close|ok|/srv/pkg/b.dat"
    refused = f"smbd_audit: {client}create_file|fail (Operation not permitted)|0x2|file|open|"
    whole, short = tmp_path / "whole.log", tmp_path / "short.log"
    before = begins.format(8) + opened + "\n" + begins.format(11) + f"smbd_audit: {close}\n"
    after = begins.format(11) + f"{refused}/srv/pkg/b.dat\n"
    whole.write_text(before + (begins.format(11) + f"smbd_audit: {close}\n") * 2 + after, "utf-8")
    short.write_text(
        before + begins.format(11) + REPEATED[form].format(2, close) + "\n" + after, "utf-8"
    )
    found = imported([short])
    assert story(found) == story(imported([whole]))
    (held,) = found.view.holdings
    assert held.closed_at == held.opened_at + 3


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        (
            "fs1 smbd_audit: {}c.dat message repeated 5 times",
            ["b.dat", "c.dat message repeated 5 times"],
        ),
        ("fs1 last message repeated 1 times", ["b.dat", "b.dat"]),
        ("fs2 last message repeated 5 times", ["b.dat"]),
    ],
    ids=["a file that is called so", "the same server", "another server"],
)
def test_what_a_syslog_repeats_is_the_last_line_of_its_server(
    line: str, holds: list[str], tmp_path: Path
) -> None:
    log = tmp_path / "audit.log"
    opened = "alice|10.0.0.5|ws11|pkg|create_file|ok|0x1|file|open|/srv/pkg/"
    begins = "Nov 28 19:07:08 "
    log.write_text(
        f"{begins}fs1 smbd_audit: {opened}b.dat\n{begins}{line.format(opened)}\n", "utf-8"
    )
    found = imported([log])
    assert [one.path.rpartition("/")[2] for one in found.view.holdings] == holds


def test_so_many_lines_are_taken_for_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syslog, "REPEATED_MAX", 3)
    log = tmp_path / "audit.log"
    line = "alice|10.0.0.5|ws11|pkg|create_file|ok|0x1|file|open|/srv/pkg/b.dat"
    log.write_text(
        f"Nov 28 19:07:08 fs1 smbd_audit: message repeated 99999999999 times: [ {line}]\n", "utf-8"
    )
    assert len(imported([log]).view.holdings) == 3


def test_full_audit_with_open_alone_has_opens_and_says_what_is_missing(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    line = "Nov 28 19:07:{:02} fs1 smbd_audit: alice|10.0.0.5|pkg|{}\n"
    what = ["connect|ok|pkg", "open|ok|r|office/b.dat", "openat|ok|w|office/c.dat"]
    what += ["close|ok|office/b.dat", "pwrite|ok|office/c.dat", "disconnect|ok|pkg"]
    log.write_text("".join(line.format(n, text) for n, text in enumerate(what)))
    found = imported([log])
    holds = {hold.path: hold for hold in found.view.holdings}
    assert {path: (h.user, h.share, h.access) for path, h in holds.items()} == {
        "office/b.dat": ("alice", "pkg", "READ"),
        "office/c.dat": ("alice", "pkg", "READ|WRITE"),
    }
    closed = holds["office/b.dat"].closed_at
    assert closed is not None and closed - holds["office/b.dat"].opened_at == 2
    assert "the log has `open` and not `create_file`: refusals are not in it" in found.notes


def quoted(mark: str, separator: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        head, *rows = text.splitlines()
        lines = [separator.join(head.split("\t"))]
        for row in rows:
            lines.append(separator.join(f"{mark}{cell}{mark}" for cell in row.split("\t")))
        return "\n".join(lines) + "\n"

    return change


def turned(text: str) -> str:
    """The last column first, so that a row may begin with an empty one, which has no quotes."""
    rows = [line.split("\t")[::-1] for line in text.splitlines()]
    lines = [";".join(rows[0])]
    lines += [";".join(f'"{cell}"' if cell else "" for cell in row) for row in rows[1:]]
    return "\n".join(lines) + "\n"


FORMS = {
    "another order, and nothing first": turned,
    "commas and quotes": quoted('"', ","),
    "semicolons and quotes": quoted('"', ";"),
    "tabs and single quotes": quoted("'", "\t"),
    "bars": lambda text: text.replace("\t", "|"),
    "CRLF and a mark": lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
    "UTF-16 of PowerShell": lambda text: text.encode("utf-16"),
    "True for 1": lambda text: re.sub(r"\t1\t(?=0x0)", "\tTrue\t", text),
}


@pytest.mark.parametrize("form", FORMS)
def test_fields_of_tshark_with_any_separator_and_quotes(form: str, tmp_path: Path) -> None:
    same(FIELDS, FORMS[form], tmp_path)


def renamed(change: Callable[[str], str]) -> Callable[[str], str]:
    """Fields of tshark with the name of each file otherwise."""

    def act(text: str) -> str:
        head, *rows = text.splitlines()
        place = head.split("\t").index("smb2.filename")
        changed = [head]
        for row in rows:
            cells = row.split("\t")
            if cells[place].endswith(".dat"):
                cells[place] = change(cells[place])
            changed.append("\t".join(cells))
        return "\n".join(changed) + "\n"

    return act


def test_a_path_of_a_dfs_is_that_of_its_share(tmp_path: Path) -> None:
    tree = re.search(r"\\\\([^\\\t]+)\\pkg", (TRACES / FIELDS).read_text())
    assert tree is not None
    found = same(FIELDS, renamed(lambda name: f"{tree[1].upper()}\\PKG\\{name}"), tmp_path)
    assert "server and share before the path (DFS)" in found.notes


def test_the_data_of_a_file_is_the_file_and_another_stream_is_not(tmp_path: Path) -> None:
    same(FIELDS, renamed(lambda name: f"{name}::$DATA"), tmp_path)
    _, found = told(FIELDS, renamed(lambda name: f"{name}:Zone.Identifier:$DATA"), tmp_path)
    assert "office/b.dat:Zone.Identifier" in {hold.path for hold in found.view.holdings}


GERMAN = '"Hostname","ID","Zugriff von","Typ","Anz. Sperren","Modus","Geöffnete Datei (Pfad)"'


def test_a_log_in_another_encoding_says_how_many_lines_and_what_to_do(tmp_path: Path) -> None:
    def rename(text: str) -> bytes:
        return text.replace("b.dat", "\u00fcbersicht.dat").encode("latin-1")

    first, second = told("1-one-holder-blocks/audit.log", rename, tmp_path)
    lines = (tmp_path / "audit.log").read_bytes().splitlines()
    odd_count = sum(b"\xfc" in line for line in lines)
    assert f"audit.log: {odd_count} lines with characters that are not UTF-8" in second.notes
    assert "iconv" in second.notes and "iconv" not in first.notes
    assert len(second.episodes) == len(first.episodes)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp850"])
def test_openfiles_in_another_language(encoding: str, tmp_path: Path) -> None:
    def change(text: str) -> bytes:
        whole = re.sub(r'^"Host.*$', GERMAN, text, flags=re.MULTILINE)
        whole = whole.replace('"Read"', '"Lesen"').replace('"Write + Read"', '"Schreiben + Lesen"')
        return whole.encode(encoding)

    same(OPENFILES, change, tmp_path)


def test_a_time_in_utc_has_its_parts_of_a_second_and_no_other_zone() -> None:
    for text in ("2026-11-28T19:07:08.0479000Z", "2026-11-28T19:07:08.0479+00:00"):
        assert utc_seconds(text) == pytest.approx(1_795_892_828.0479, abs=1e-5)
    for text in (
        "2026-11-28T19:07:08+02:00",
        "2026-11-28T19:07:08.5+02:00",
        "2026-11-28T19:07:08.x",
    ):
        with pytest.raises(ValueError, match="2026"):
            utc_seconds(text)


LISTED = (
    "Hostname:", "ID:", "Accessed By:", "Type:", "#Locks:", "Open Mode:",
    "Open File (Path\\executable):",
)  # fmt: skip
"""What `openfiles /query /fo list /v` calls the columns of `/fo csv /v`."""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_openfiles_as_a_list(newline: str, tmp_path: Path) -> None:
    def change(text: str) -> str:
        rows = [row for row in csv.reader(io.StringIO(text)) if len(row) == len(LISTED)][1:]
        assert rows
        lines: list[str] = []
        for row in rows:
            lines += ("", *(f"{word:<30}{cell}" for word, cell in zip(LISTED, row, strict=True)))
        return newline.join([*lines, ""])

    same(OPENFILES, change, tmp_path)


def of_powershell_5(text: str) -> str:
    rows = json.loads(text)
    return json.dumps({"value": rows, "Count": len(rows)}, indent=4)


SMB_FORMS: dict[str, Callable[[str], str | bytes]] = {
    "value and Count": of_powershell_5,
    "in a line": lambda text: json.dumps(json.loads(text)),
    "UTF-16": lambda text: text.encode("utf-16"),
    "null for what is not known": lambda text: json.dumps(
        [{**one, "ClusterNodeName": None, "PSComputerName": None} for one in json.loads(text)]
    ),
}


@pytest.mark.parametrize("form", SMB_FORMS)
def test_get_smb_open_file_of_powershell_5_and_7(form: str, tmp_path: Path) -> None:
    same(SMB_JSON, SMB_FORMS[form], tmp_path)


def test_get_smb_open_file_with_null_for_a_name_has_the_others(tmp_path: Path) -> None:
    rows = json.loads((TRACES / SMB_JSON).read_text("utf-8-sig"))
    rows[0] |= {"ClientUserName": None, "Permissions": None}
    _, found = told(SMB_JSON, lambda _: json.dumps(rows), tmp_path)
    assert len(found.view.holdings) == len(rows)


@pytest.mark.parametrize(
    "columns", [("Path",), ("FileId", "Path"), ("ShareRelativePath", "FileId")]
)
def test_get_smb_open_file_with_a_few_columns_is_told_from_sessions(
    columns: tuple[str, ...], tmp_path: Path
) -> None:
    keep = ("ClientComputerName", "ClientUserName", *columns)
    rows = json.loads((TRACES / SMB_JSON).read_text("utf-8-sig"))
    trace = tmp_path / "trace.json"
    trace.write_text(json.dumps([{key: row[key] for key in keep} for row in rows]))
    assert {hold.user for hold in imported([trace]).view.holdings} == {"alice", "carol"}
    session = {"ClientComputerName": "10.0.0.5", "ClientUserName": "EX\\anna", "SessionId": 7}
    trace.write_text(json.dumps([session | {"NumOpens": 2}]))
    with pytest.raises(ImportFailed, match="looks like no format"):
        imported([trace])


def test_get_smb_open_file_as_csv_with_semicolons(tmp_path: Path) -> None:
    def change(text: str) -> str:
        out = io.StringIO()
        writer = csv.writer(out, delimiter=";", quoting=csv.QUOTE_ALL)
        writer.writerows(csv.reader(line for line in text.splitlines() if line[:1] != "#"))
        return out.getvalue()

    same(SMB_CSV, change, tmp_path)


def rewritten(change: Callable[[dict[str, str]], dict[str, str]]) -> Callable[[str], str]:
    """Procmon's CSV, row for row."""

    def act(text: str) -> str:
        rows = [change(row) for row in csv.DictReader(io.StringIO(text))]
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue()

    return act


def german(row: dict[str, str]) -> dict[str, str]:
    at = dt.datetime.strptime(row["Date & Time"], "%m/%d/%Y %I:%M:%S %p")
    part = re.search(r"\.(\d+)", row["Time of Day"])
    return row | {
        "Date & Time": at.strftime("%d.%m.%Y %H:%M:%S"),
        "Time of Day": at.strftime("%H:%M:%S") + (f",{part[1]}" if part else ""),
    }


def british(row: dict[str, str]) -> dict[str, str]:
    return german(row) | {"Date & Time": german(row)["Date & Time"].replace(".", "/")}


def without(*columns: str) -> Callable[[dict[str, str]], dict[str, str]]:
    return lambda row: {key: value for key, value in row.items() if key not in columns}


PROCMONS: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "German": german,
    "British": british,
    "fewer columns": without("TID", "Session", "Virtualized", "Duration", "Company", "Version"),
    "no PID": without("PID"),
    "advanced output": lambda row: (
        row
        | {
            "Operation": {"CreateFile": "IRP_MJ_CREATE", "CloseFile": "IRP_MJ_CLEANUP"}.get(
                row["Operation"], row["Operation"]
            )
        }
    ),
}


@pytest.mark.parametrize("form", PROCMONS)
def test_procmon_of_other_regions_and_columns(form: str, tmp_path: Path) -> None:
    same(PROCMON, rewritten(PROCMONS[form]), tmp_path)


def test_procmon_without_details_says_that_modes_are_unknown(tmp_path: Path) -> None:
    _, found = told(PROCMON, rewritten(without("Detail")), tmp_path)
    assert found.view.holdings and "no column Detail: access and share modes" in found.notes


def test_procmon_without_a_time_in_a_row_is_damage(tmp_path: Path) -> None:
    text = (TRACES / "synthetic/procmon-default-columns.csv").read_text("utf-8-sig")
    trace = tmp_path / "trace.csv"
    trace.write_text(re.sub(r'(?m)^"9:09:57.9310000 AM"', '""', text))
    found = imported([trace])
    assert found.imported.tracks[0].sources[0].damage_count == 1 and found.view.holdings


def test_procmon_with_dates_and_no_time_of_day_is_read_to_the_second(tmp_path: Path) -> None:
    first, second = told(PROCMON, rewritten(without("Time of Day")), tmp_path)
    assert [int(hold.opened_at) for hold in second.view.holdings] == [
        int(hold.opened_at) for hold in first.view.holdings
    ]


XMLS: dict[str, Callable[[str], str | bytes]] = {
    "double quotes": lambda text: text.replace("'", '"'),
    "one line": lambda text: text.replace("\n", "").replace("\r", ""),
    "no namespace": lambda text: re.sub(r"<Event xmlns=['\"][^'\"]*['\"]>", "<Event>", text),
    "an offset": lambda text: re.sub(r"(SystemTime=.[\d\-T:.]+)Z", r"\1+00:00", text),
    "UTF-16": lambda text: text.encode("utf-16"),
    "a message of Event Viewer's": lambda text: text.replace(
        "</Event>",
        "<RenderingInfo><Message>Ein Handle</Message></RenderingInfo></Event>",
    ),
}


@pytest.mark.parametrize("form", XMLS)
def test_the_security_log_of_any_export(form: str, tmp_path: Path) -> None:
    same(SECURITY, XMLS[form], tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        '10.0.0.5 - anna [05/Oct/2026:09:00:{0:02} +0200] "{1} /s/b.dat HTTP/1.1" {2} 0',
        '10.0.0.5 - anna [05/Oct/2026:09:00:{0:02} +0200] "{1} /s/b.dat HTTP/2.0" {2} 0 "-" '
        '"Microsoft-WebDAV-MiniRedir/10" "-" 0.004',
        "dav.example.com:443 10.0.0.5 - anna [05/Oct/2026:09:00:{0:02} +0200] "
        '"{1} /s/b.dat HTTP/1.1" {2} 0',
        '10.0.0.5 - anna [05/Oct/2026:09:00:{0:02} +0200] "{1} http://d/s/b.dat HTTP/1.1" {2} 0',
        "2026-10-05 07:00:{0:02} 10.0.0.1 {1} /s/b.dat - 443 EX\\anna 10.0.0.5 "
        "Microsoft-WebDAV-MiniRedir/10.0 - {2} 0 0 15",
        '{{"level":"info","ts":17911836{0:02}.25,"msg":"handled request","request":{{"remote_ip":'
        '"10.0.0.5","remote_port":"41342","proto":"HTTP/2.0","method":"{1}","host":"d","uri":'
        '"/s/b.dat","headers":{{"User-Agent":["WebDAVFS/3.0"]}}}},"user_id":"anna","status":{2}}}',
        '{{"ClientAddr":"10.0.0.5:4134","ClientHost":"10.0.0.5","ClientUsername":"anna",'
        '"DownstreamStatus":{2},"RequestMethod":"{1}","RequestPath":"/s/b.dat","StartUTC":'
        '"2026-10-05T07:00:{0:02}.123456789Z","time":"2026-10-05T08:59:59Z"}}',
        '{{"time_local":"05/Oct/2026:09:00:{0:02} +0200","remote_addr":"10.0.0.5","remote_user":'
        '"anna","request":"{1} /s/b.dat HTTP/1.1","status":"{2}","http_user_agent":"curl/8"}}',
    ],
    ids=[
        "common",
        "nginx",
        "virtual host",
        "whole address",
        "IIS",
        "Caddy",
        "Traefik",
        "JSON of nginx",
    ],
)
def test_an_access_log_of_any_server(line: str, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    heading = (
        "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-ip "
        "cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) "
        "sc-status sc-substatus sc-win32-status time-taken\n"
    )
    asked = [("PUT", 423), ("PUT", 423), ("PROPFIND", 207), ("PUT", 204)]
    rows = [line.format(n, *one) for n, one in enumerate(asked)]
    log.write_text((heading if "{1} /s/b.dat - 443" in line else "") + "\n".join(rows) + "\n")
    found = imported([log])
    (episode,) = found.episodes
    assert (episode.machine, episode.path, episode.attempt_count, episode.state) == (
        "10.0.0.5",
        "s/b.dat",
        2,
        "resolved",
    )
    assert found.refusals[0][1].user == "anna"
    assert dt.datetime.fromtimestamp(found.refusals[0][0], dt.UTC).hour == 7


@pytest.mark.parametrize("at", ['"' + "1" * 400 + '"', "99999999999999", "1" * 25])
def test_a_time_that_no_calendar_has_is_left_out_of_an_access_log(at: str, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    line = '{{"ts":{0},"request":{{"method":"PUT","uri":"/f"}},"status":423}}\n'
    log.write_text("".join(line.format(one) for one in ("1700000000.5", at)))
    found = imported([log])
    assert [at for at, _ in found.refusals] == [1700000000.5]
    ((source,),) = [track.sources for track in found.imported.tracks]
    assert source.damages == ["line 2 has no time"]


def test_an_access_log_is_read_four_objects_deep(tmp_path: Path) -> None:
    whole = '"time":"2026-10-05T07:00:00Z","method":"PUT","uri":"/f","status":423'
    for depth, count in ((json_line.DEPTH_MAX, 1), (json_line.DEPTH_MAX + 1, 0)):
        log = tmp_path / f"{depth}.log"
        log.write_text('{"in":' * depth + "{" + whole + "}" * (depth + 1) + "\n")
        if count:
            assert len(imported([log]).refusals) == count
        else:
            with pytest.raises(ImportFailed):
                imported([log])
