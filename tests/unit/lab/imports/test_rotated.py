"""What was rotated into several files is one story: what is opened in one and closed in another is
held in between, and nothing else.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from despoolr_lab.imports.fold import merge
from despoolr_lab.imports.traces import source
from despoolr_lab.imports.traces.source import TraceFile, lines_in_common
from unit.lab.imports.test_variants import AUDIT, FIELDS, story
from worlds.support import leave_out
from worlds.traces import TRACES, Found, imported

LEVEL_10 = "2-nobody-closes/smbd.log"
LEVEL_3 = "1-one-holder-blocks/smbd.log"
CAPTURE = "1-one-holder-blocks/capture.pcapng"
PARTS = 3


def parts_of(file: str, begins: str, path: Path, header: int = 0) -> list[Path]:
    """A text in parts, cut where a line begins so; with its first lines in each. The names are in
    no order of time.
    """
    lines = (TRACES / file).read_text("utf-8").splitlines(keepends=True)
    first, lines = lines[:header], lines[header:]
    heads = [place for place, line in enumerate(lines) if re.match(begins, line)]
    cuts = [0, *(heads[len(heads) * n // PARTS] for n in range(1, PARTS)), len(lines)]
    parts = []
    for n in range(PARTS):
        part = path / f"{(n * 2 + 1) % PARTS}.part"
        part.write_text("".join(first + lines[cuts[n] : cuts[n + 1]]), "utf-8")
        parts.append(part)
    return sorted(parts)


def check(file: str, parts: list[Path]) -> Found:
    whole, found = imported([TRACES / file]), imported(parts)
    assert whole.view.holdings
    assert story(found) == story(whole)
    assert len(found.imported.tracks) == 1 and len(found.imported.tracks[0].sources) == PARTS
    assert found.notes.count("they are read as one") == PARTS - 1
    return found


@pytest.mark.parametrize(
    ("file", "begins"), [(AUDIT, "."), (LEVEL_10, r"\["), (LEVEL_3, r"\[")], ids=str
)
def test_a_log_in_parts_is_one_story(file: str, begins: str, tmp_path: Path) -> None:
    check(file, parts_of(file, begins, tmp_path))


def test_fields_of_a_ring_of_captures_are_one_story_although_each_counts_connections_anew(
    tmp_path: Path,
) -> None:
    parts = parts_of(FIELDS, ".", tmp_path, header=1)
    for part in parts:
        head, *rows = part.read_text("utf-8").splitlines()
        place = head.split("\t").index("tcp.stream")
        numbers = {row.split("\t")[place] for row in rows}
        mixed = sorted(numbers)
        random.Random(part.name).shuffle(mixed)
        anew = dict(zip(sorted(numbers), mixed, strict=True))
        cells = [row.split("\t") for row in rows]
        for one in cells:
            one[place] = anew[one[place]]
        part.write_text("\n".join([head, *("\t".join(one) for one in cells)]) + "\n", "utf-8")
    check(FIELDS, parts)


@pytest.mark.slow
def test_a_ring_of_captures_is_one_story(tmp_path: Path) -> None:
    editcap = shutil.which("editcap")
    if editcap is None:
        leave_out("editcap is not installed; on Debian: apt-get install wireshark-common")
    subprocess.run(
        [editcap, "-c", "40", str(TRACES / CAPTURE), str(tmp_path / "ring.pcapng")],
        check=True,
        capture_output=True,
    )
    parts = sorted(tmp_path.glob("ring*"))
    assert len(parts) > 2
    whole, found = imported([TRACES / CAPTURE]), imported(parts)
    assert story(found) == story(whole)
    assert "begins in the middle" not in found.notes and "older than the capture" not in found.notes


def test_captures_of_two_servers_are_not_parts_although_one_ends_where_the_other_begins(
    tmp_path: Path,
) -> None:
    parts = parts_of(FIELDS, ".", tmp_path, header=1)
    for part in parts[1:]:
        part.write_text(part.read_text("utf-8").replace("127.0.0.10", "10.9.9.9"), "utf-8")
    found = imported(parts)
    assert len(found.imported.tracks) == 2 and found.notes.count("they are read as one") == 1


def test_two_recordings_of_one_time_are_not_parts(tmp_path: Path) -> None:
    other = tmp_path / "other.log"
    other.write_text((TRACES / AUDIT).read_text("utf-8").replace("office", "home"), "utf-8")
    found = imported([TRACES / AUDIT, other])
    assert len(found.imported.tracks) == 2
    assert "they are read as one" not in found.notes


def overlapping(path: Path, begins: int, ends: int, left_out: int = 0) -> list[Path]:
    """Two parts of a log, of which the second begins at a line, and the first ends at one; of what
    both have the second one lacks the last lines, so many.
    """
    lines = (TRACES / AUDIT).read_text("utf-8").splitlines(keepends=True)
    second = [*lines[begins : ends - left_out], *lines[ends:]]
    parts = [path / "1.log", path / "2.log"]
    for part, of_it in zip(parts, (lines[:ends], second), strict=True):
        part.write_text("".join(of_it), "utf-8")
    return parts


def test_parts_that_end_with_the_first_lines_of_the_next_are_one_story(tmp_path: Path) -> None:
    """As copies of a log that went on meanwhile: what they both have would be told twice."""
    lines = (TRACES / AUDIT).read_text("utf-8").splitlines(keepends=True)
    third = len(lines) // 3
    parts = overlapping(tmp_path, third, 2 * third)
    whole, found = imported([TRACES / AUDIT]), imported(parts)
    assert story(found) == story(whole)
    assert len(found.imported.tracks) == 1 and "they are read as one" in found.notes
    says = f"1.log ends with what 2.log begins with: {third} lines, read once"
    assert says in found.notes and "tells of the same clients" not in found.notes


@pytest.mark.parametrize("part", ["", ".250000"])
def test_lines_that_are_alike_are_in_common_unless_they_are_of_one_second(
    tmp_path: Path, part: str
) -> None:
    """A log in whole seconds that is rotated between two opens of one file."""

    def line(second: int, text: str) -> str:
        time = f"2026-11-28T19:00:{second:02d}{part}Z"
        return f"{time} fs smbd_audit[1]: alice|10.0.0.5|ws11|pkg|{text}|/srv/pkg/a\n"

    opened, closed = "create_file|ok|0x1|file|open", "close|ok"
    first = [line(1, opened), line(2, closed), line(5, opened)]
    second = [line(5, opened), line(6, closed), line(9, opened)]
    parts = [tmp_path / "1.log", tmp_path / "2.log"]
    for file, lines in zip(parts, (first, second), strict=True):
        file.write_text("".join(lines), "utf-8")
    found = imported(parts)
    assert len(found.view.holdings) == (3 if part else 4)
    assert ("1 line, read once" in found.notes) == bool(part)


def test_lines_in_common_are_found_up_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [TraceFile(tmp_path / name) for name in ("before", "after")]
    files[0].path.write_text("ab\n" * 3 + "a\nb\na\nb\na\n")
    for after, count in (("a\nb\na\nc\n", 3), ("b\na\n", 2), ("c\na\n", 0), ("", 0), ("a\n", 1)):
        files[1].path.write_text(after)
        assert lines_in_common(*files) == count
    files[1].path.write_text("a\nb\na\nb\na\n")
    for bound, count in ((5, 5), (4, 0)):
        monkeypatch.setattr(source, "COMMON_LINES_MAX", bound)
        assert lines_in_common(*files) == count


def test_of_parts_that_overlap_otherwise_it_is_said_that_something_may_be_missing(
    tmp_path: Path,
) -> None:
    third = len((TRACES / AUDIT).read_text("utf-8").splitlines()) // 3
    parts = overlapping(tmp_path, third, 2 * third, left_out=3)
    says = "2.log begins before the end of 1.log and tells of the same clients"
    assert says in imported(parts).notes
    assert "tells of the same clients" not in imported([TRACES / AUDIT, parts[0]]).notes


@pytest.mark.parametrize("count", [1, 2])
def test_so_many_files_are_looked_at_for_parts_that_overlap(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "OVERLAPS_MAX", count)
    lines = (TRACES / AUDIT).read_text("utf-8").splitlines(keepends=True)
    parts = overlapping(tmp_path, 9, len(lines) - 9)
    assert ("1.log ends with what 2.log" in imported(parts).notes) == (count == 2)
    parts = overlapping(tmp_path, 9, len(lines) - 9, left_out=3)
    assert ("tells of the same clients" in imported(parts).notes) == (count == 2)


def test_damage_is_told_of_the_part_that_it_is_in(tmp_path: Path) -> None:
    parts = parts_of(LEVEL_10, r"\[", tmp_path)
    with parts[0].open("a", encoding="utf-8") as file:
        file.write("[2026/99/99 open_file(open_file)\n  nothing\n")
    (track,) = imported(parts).imported.tracks
    assert {one.name: one.damage_count for one in track.sources if one.damage_count} == {
        parts[0].name: 1
    }


def test_the_last_refusal_of_one_file_is_not_told_again_by_another_a_little_later(
    tmp_path: Path,
) -> None:
    rows = (TRACES / FIELDS).read_text("utf-8").splitlines(keepends=True)
    last = max(place for place, row in enumerate(rows) if "0xc0000043" in row)
    cut = tmp_path / "cut.tsv"
    cut.write_text("".join(rows[: last + 1]), "utf-8")
    late = tmp_path / "late.log"
    late.write_text(
        re.sub(
            r"(?m)^(\[\S+ [\d:]{8}\.)(\d{6})",
            lambda found: f"{found[1]}{min(int(found[2]) + 50_000, 999_999):06}",
            (TRACES / LEVEL_3).read_text("utf-8"),
        ),
        "utf-8",
    )
    alone = len(imported([cut]).refusals)
    assert alone == 4
    assert len(imported([cut, late]).refusals) == alone
