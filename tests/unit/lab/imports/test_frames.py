"""Small invented dialogues, as `tshark -T fields`, `-T ek` and `-T json` write them: what the
recordings have not in them. All of them are synthetic.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from despoolr_core.records.kinds.share import FileDeleted, OpenClosed, OpenGranted
from despoolr_core.records.stream import of
from despoolr_lab.imports.fold import notes
from worlds.traces import Found, imported

START = 1_700_000_000.0
CONNECT, CREATE, CLOSE, READ = "3", "5", "6", "8"
FIRST = "d10d47c5-0000-0000-5dda-3ffd00000000"
AGAIN = "d10d47c5-0000-0000-77aa-3ffd00000000"
OTHER = "4be01c20-0000-0000-0100-000000000000"
ONES = "ffffffff-ffff-ffff-ffff-ffffffffffff"
RESET = {"tcp.flags.reset": "1"}
FORMS = ("fields", "ek", "json")

Row = dict[str, str]


class Story:
    """Frames of clients that each have a stream; every request is answered a second later."""

    def __init__(self, form: str = "fields", client: str = "10.0.0.15") -> None:
        self.form = form
        self.client = client
        self.rows: list[Row] = []

    def frame(self, stream: int, values: Row, is_answer: bool = False) -> None:
        """A frame with the values of tshark's fields."""
        version, server = ("ipv6", "fd00::1") if ":" in self.client else ("ip", "10.0.0.1")
        source, destination = (server, self.client) if is_answer else (self.client, server)
        row = {
            "frame.number": str(len(self.rows) + 1),
            "frame.time_epoch": f"{START + len(self.rows):.6f}",
            f"{version}.src": source,
            f"{version}.dst": destination,
            "tcp.srcport": "445" if is_answer else str(50_000 + stream),
            "tcp.dstport": str(50_000 + stream) if is_answer else "445",
            "tcp.stream": str(stream),
        }
        self.rows.append(row | values)

    def ask(self, stream: int, command: str, asked: Row, answer: Row, status: str = "0x0") -> None:
        """A request, or a compound of them, with its answer."""
        count = command.count(",") + 1
        first = len(self.rows) + 1
        common = {
            "smb2.cmd": command,
            "smb2.msg_id": ",".join(str(first * 10 + n) for n in range(count)),
            "smb2.sesid": ",".join([hex(100 + stream)] * count),
            "smb2.tid": ",".join(["0x5"] * count),
        }
        self.frame(stream, common | {"smb2.flags.response": _each("0", count)} | asked)
        answered = {"smb2.flags.response": _each("1", count), "smb2.nt_status": status}
        self.frame(stream, common | answered | answer, is_answer=True)

    def connect(self, stream: int) -> None:
        self.ask(stream, CONNECT, {"smb2.tree": "\\\\srv\\pkg"}, {})

    def create(self, stream: int, fid: str, asked: Row, answer: Row, status: str = "0x0") -> None:
        wanted = {
            "smb2.filename": "office\\b.dat",
            "smb2.create.disposition": "1",
            "smb.access_mask": "0x00120089",
            "smb.share_access": "0x00000001",
        }
        given = {"smb2.fid": fid, "smb2.create.action": "1"} if status == "0x0" else {}
        self.ask(stream, CREATE, wanted | asked, given | answer, status)

    def close(self, stream: int, fid: str) -> None:
        self.ask(stream, CLOSE, {"smb2.fid": fid}, {})

    def told(self, path: Path) -> Found:
        """What an import makes of it, in its form."""
        file = path / f"synthetic.{self.form}"
        text = {"fields": _fields, "ek": _ek, "json": _json}[self.form](self.rows)
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        found = imported([file])
        assert not any(
            source.damages for track in found.imported.tracks for source in track.sources
        )
        return found


def _each(value: str, count: int) -> str:
    return ",".join([value] * count)


def _fields(rows: list[Row]) -> str:
    names = sorted({name for row in rows for name in row})
    lines = ["\t".join(names), *("\t".join(row.get(name, "") for name in names) for row in rows)]
    return "\n".join(lines) + "\n"


def _layers(row: Row) -> dict[str, Any]:
    layers: dict[str, Any] = {}
    for name, value in row.items():
        layer = name.partition(".")[0]
        layers.setdefault("smb2" if layer == "smb" else layer, {})[name] = value
    return layers


def _json(rows: list[Row]) -> str:
    return json.dumps([{"_source": {"layers": _layers(row)}} for row in rows])


def _ek(rows: list[Row]) -> str:
    lines: list[str] = []
    for row in rows:
        layers = {
            layer: {f"{layer}_{name.replace('.', '_')}": value for name, value in values.items()}
            for layer, values in _layers(row).items()
        }
        stamp = str(int(float(row["frame.time_epoch"]) * 1000))
        lines += ['{"index":{}}', json.dumps({"timestamp": stamp, "layers": layers})]
    return "".join(line.replace('": ', '":', 1) + "\n" for line in lines)


def opened(found: Found) -> list[OpenGranted]:
    return [data for _, data in of(found.records, OpenGranted)]


def closed(found: Found) -> list[OpenClosed]:
    return [data for _, data in of(found.records, OpenClosed)]


def durable(story: Story, kind: str, again: str = FIRST, ends: Iterable[int] = (1,)) -> None:
    """An open whose connection is lost, and which is taken up again over another one."""
    asks, answers, names = {"2": ("DH2Q", "DH2Q", "DH2C"), "n": ("DHnQ", "DHnQ", "DHnC")}[kind]
    story.connect(1)
    story.create(1, FIRST, {"smb2.tag": asks}, {"smb2.tag": answers})
    for stream in ends:
        story.frame(stream, RESET)
    story.connect(2)
    story.create(2, AGAIN, {"smb2.tag": names, "smb2.fid": again}, {})


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["2", "n"])
def test_a_durable_open_that_is_taken_up_again_is_the_same_open(
    form: str, kind: str, tmp_path: Path
) -> None:
    story = Story(form)
    durable(story, kind)
    story.connect(3)
    story.create(3, "", {"smb.access_mask": "0x00000002"}, {}, "0xc0000043")
    story.close(2, AGAIN)
    found = story.told(tmp_path)
    (one,) = opened(found)
    ((_, refused),) = found.refusals
    assert [blocker.open for blocker in refused.blockers] == [one.open]
    assert [(gone.open, gone.reason) for gone in closed(found)] == [(one.open, "closed")]
    assert "took its durable open of office/b.dat up again at 2023-11-14" in found.notes
    assert "over another connection: it is the same open, which goes on" in found.notes


def test_a_durable_open_is_found_by_the_part_of_its_id_that_stays(tmp_path: Path) -> None:
    story = Story()
    durable(story, "2", again=FIRST[:18] + "-ffff-ffffffffffff")
    found = story.told(tmp_path)
    assert len(opened(found)) == 1
    assert not closed(found)


def test_a_durable_open_goes_on_where_the_old_connection_ends_after_it(tmp_path: Path) -> None:
    story = Story()
    durable(story, "2", ends=())
    story.frame(1, RESET)
    story.connect(3)
    story.create(3, OTHER, {"smb.access_mask": "0x00000002"}, {})
    found = story.told(tmp_path)
    assert len(opened(found)) == 2
    assert not closed(found), "it is of the new connection, which has not ended"


def test_a_durable_open_that_goes_on_is_lost_with_its_second_connection_too(
    tmp_path: Path,
) -> None:
    story = Story()
    durable(story, "2")
    story.frame(2, RESET)
    story.connect(3)
    story.create(3, OTHER, {"smb.access_mask": "0x00000002"}, {})
    found = story.told(tmp_path)
    (gone,) = closed(found)
    assert gone.reason.startswith("thrown out by an open of")


def test_a_durable_open_that_is_older_than_the_capture_is_said_to_be(tmp_path: Path) -> None:
    story = Story()
    story.connect(2)
    story.create(2, AGAIN, {"smb2.tag": "DH2C", "smb2.fid": FIRST}, {})
    found = story.told(tmp_path)
    (one,) = opened(found)
    assert one.since == "before"
    assert "which is not known here: it was opened before" in found.notes


def test_an_id_that_stays_in_no_part_is_of_an_open_of_its_own(tmp_path: Path) -> None:
    story = Story()
    story.connect(1)
    story.create(1, FIRST, {"smb2.tag": "DH2Q"}, {"smb2.tag": "DH2Q"})
    story.connect(2)
    story.create(2, OTHER, {"smb2.tag": "DH2C", "smb2.fid": FIRST, "smb2.filename": "c.dat"}, {})
    found = story.told(tmp_path)
    assert [one.path for one in opened(found)] == ["office/b.dat", "c.dat"]
    assert "up again" not in found.notes


def test_a_durable_open_is_not_taken_up_on_another_server(tmp_path: Path) -> None:
    story = Story()
    story.connect(1)
    story.create(1, FIRST, {"smb2.tag": "DH2Q"}, {"smb2.tag": "DH2Q"})
    count = len(story.rows)
    story.connect(2)
    story.create(2, AGAIN, {"smb2.tag": "DH2C", "smb2.fid": FIRST}, {})
    for row in story.rows[count:]:
        row |= {name: "10.0.0.2" for name, value in row.items() if value == "10.0.0.1"}
    story.close(1, FIRST)
    found = story.told(tmp_path)
    first, second = opened(found)
    assert (first.server, second.server, second.since) == ("10.0.0.1", "10.0.0.2", "before")
    assert [(gone.open, gone.reason) for gone in closed(found)] == [(first.open, "closed")]


def test_notes_of_many_opens_leave_room_for_what_the_capture_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notes, "NOTES_MAX", 4)
    story = Story()
    for number in range(1, 6):
        fid = f"0000000{number}{FIRST[8:]}"
        story.connect(number)
        story.create(number, fid, {"smb2.tag": "DH2Q"}, {"smb2.tag": "DH2Q"})
        story.frame(number, RESET)
        story.connect(number + 10)
        again = fid[:18] + AGAIN[18:]
        story.create(number + 10, again, {"smb2.tag": "DH2C", "smb2.fid": fid}, {})
    found = story.told(tmp_path)
    assert found.notes.count("up again") == 2
    assert "5 opens are durable" in found.notes
    assert "6 more notes were left out" in found.notes


def test_a_session_after_another_has_a_number_of_its_own(tmp_path: Path) -> None:
    story = Story()
    durable(story, "2")
    story.create(2, OTHER, {}, {})
    sessions = [one.session for one in opened(story.told(tmp_path))]
    assert sessions == ["S1", "S2"]


def test_in_a_compound_the_id_of_a_durable_handle_belongs_to_the_create(tmp_path: Path) -> None:
    story = Story()
    story.connect(1)
    asks = {
        "smb2.filename": "office\\b.dat",
        "smb2.create.disposition": "1",
        "smb.access_mask": "0x00120089",
        "smb.share_access": "0x00000001",
        "smb2.tag": "DHnQ",
        "smb2.fid": f"00000000-0000-0000-0000-000000000000,{ONES},{ONES}",
    }
    gives = {"smb2.fid": FIRST, "smb2.create.action": "1"}
    story.ask(1, f"{CREATE},{READ},{CLOSE}", asks, gives, "0x0,0x0,0x0")
    found = story.told(tmp_path)
    assert [one.path for one in opened(found)] == ["office/b.dat"]
    assert [one.reason for one in closed(found)] == ["closed"]


@pytest.mark.parametrize("form", FORMS)
def test_a_file_opened_to_be_deleted_goes_when_the_last_handle_closes(
    form: str, tmp_path: Path
) -> None:
    story = Story(form)
    story.connect(1)
    story.connect(2)
    story.create(1, FIRST, {"smb.create_options": "0x00001040"}, {})
    story.create(2, OTHER, {"smb.create_options": "0x00000040"}, {})
    story.close(1, FIRST)
    story.close(2, OTHER)
    found = story.told(tmp_path)
    ((gone, deleted),) = of(found.records, FileDeleted)
    assert deleted.path == "office/b.dat"
    assert gone.at == START + len(story.rows) - 1
    assert "without options" not in found.notes


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "1 open is without options (smb.create_options)"),
        ({"smb.create_options": "0x00001001"}, "1 open deletes on close what may be a directory"),
    ],
)
def test_what_may_not_be_deleted_is_not_said_to_be(options: Row, said: str, tmp_path: Path) -> None:
    story = Story()
    story.connect(1)
    story.create(1, FIRST, options, {})
    story.close(1, FIRST)
    found = story.told(tmp_path)
    assert not list(of(found.records, FileDeleted))
    assert said in found.notes


WRITING = {"smb.access_mask": "0x00120116"}
REFUSED = "0xc0000043"


def late() -> Story:
    """A capture that began after the waiter's session and before the holder's."""
    story = Story()
    story.ask(2, "1", {"smb2.acct": "bob", "smb2.host": "WS2"}, {})
    story.connect(2)
    story.create(2, FIRST, {}, {})
    story.create(1, "", WRITING, {}, REFUSED)
    story.create(1, "", WRITING, {}, REFUSED)
    return story


def test_whoever_is_in_the_way_is_found_by_the_path_where_a_share_is_not_in_the_capture(
    tmp_path: Path,
) -> None:
    found = late().told(tmp_path)
    assert [[b.machine for b in refused.blockers] for _, refused in found.refusals] == [["WS2"]] * 2
    assert found.notes.count("by its path it is taken to be the same file") == 1
    assert "1 session is older than the capture" in found.notes


def test_another_path_of_an_unknown_share_is_in_nobodys_way(tmp_path: Path) -> None:
    story = late()
    story.create(1, "", WRITING | {"smb2.filename": "home\\b.dat"}, {}, REFUSED)
    (told,) = [one for _, one in late().told(tmp_path).refusals[:1]]
    assert told.blockers[0].machine == "WS2"
    assert story.told(tmp_path).refusals[-1][1].blockers[0].machine == ""


def test_opens_of_packets_that_are_cut_short_are_told_to_be(tmp_path: Path) -> None:
    story = Story()
    story.connect(1)
    for _ in range(3):
        story.ask(1, CREATE, {}, {})
    found = story.told(tmp_path)
    assert found.view.holdings == []
    assert "3 opens are without what was asked for, or without a file id" in found.notes
