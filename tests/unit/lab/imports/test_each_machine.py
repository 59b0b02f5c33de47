"""Files that each tell of one machine, as Samba's `log file = log.%m` and captures on two machines
do, are one story together: none is silenced by another that knows nothing of its clients.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from despoolr_core.records.kinds.import_note import ImportNote
from despoolr_core.records.stream import of
from despoolr_lab.imports.fold import clients, merge
from despoolr_lab.imports.fold.clients import Client, KnownClients
from despoolr_lab.imports.fold.names import Names
from despoolr_lab.imports.fold.table import Known, KnownOpens
from despoolr_lab.imports.traces.seen import Opened, Who
from despoolr_lab.imports.traces.source import TraceFile
from unit.lab.imports.test_variants import PROCMON, story
from worlds.traces import TRACES, Found, imported

SERVER = "127.0.0.10"
LOGS = ["1-one-holder-blocks", "9-open-read-close-loop", "13-silent-ghost", "12-new-folder-pointer"]
LEVEL_10 = ["2-nobody-closes", "5-delete-pending"]
CAPTURES = [*LOGS, *LEVEL_10, "7-byte-range", "8-connection-dies", "11-forty-clients"]


def divided(
    text: str, begins: str, whose: Callable[[str], str], path: Path, name: str
) -> list[Path]:
    """A text's entries, in a file for each of those that they are of."""
    parts: dict[str, list[str]] = {}
    for entry in re.split(rf"(?m)^(?={begins})", text):
        if entry and (one := whose(entry)):
            parts.setdefault(one, []).append(entry)
    files = [path / name.format(one) for one in parts]
    for file, entries in zip(files, parts.values(), strict=True):
        file.write_text("".join(entries), "utf-8")
    assert len(files) > 1
    return sorted(files)


def logs_of(scenario: str, path: Path) -> list[Path]:
    """smbd's log as `log.%m` has it; where it does not name its clients, one of each process."""
    text = (TRACES / scenario / "smbd.log").read_text("utf-8")
    names = {
        found[2]: found[1]
        for found in re.finditer(r"(\S+) \(ipv4:[^\n]* connect to service .*\(pid (\d+)\)", text)
    }

    def whose(entry: str) -> str:
        found = re.match(r"\[[^\]]*pid=(\d+)", entry)
        return names.get(found[1], "smbd" if names else found[1]) if found is not None else ""

    return divided(text, r"\[\d{4}/", whose, path, "log.{}")


def captures_of(scenario: str, path: Path) -> list[Path]:
    """The fields of a capture, in a file for each client."""
    head, rows = (TRACES / scenario / "tshark-fields.tsv").read_text("utf-8").split("\n", 1)
    columns = head.split("\t")
    places = [columns.index(one) for one in ("ip.src", "ip.dst")]

    def whose(row: str) -> str:
        cells = row.split("\t")
        return next(cells[place] for place in places if cells[place] != SERVER)

    files = divided(rows, r".", whose, path, "{}.tsv")
    for file in files:
        file.write_text(f"{head}\n{file.read_text('utf-8')}", "utf-8")
    return files


@pytest.mark.parametrize("scenario", [*LOGS, *LEVEL_10])
@pytest.mark.parametrize("has_pid", [True, False])
def test_logs_of_each_machine_are_one_story(scenario: str, has_pid: bool, tmp_path: Path) -> None:
    files = logs_of(scenario, tmp_path)
    if not has_pid:
        for file in files:
            file.write_text(re.sub(r", pid=\d+", "", file.read_text("utf-8")), "utf-8")
    found = imported(files)
    assert story(found) == story(imported([TRACES / scenario / "smbd.log"]))
    assert found.episodes and "cannot be told apart" not in found.notes
    assert "ahead" not in found.notes and "behind" not in found.notes, "one clock wrote them"


def test_audit_logs_of_each_machine_are_one_story(tmp_path: Path) -> None:
    whole = TRACES / "13-silent-ghost/audit.log"

    def whose(line: str) -> str:
        return line.split("|")[2]

    files = divided(whole.read_text("utf-8"), ".", whose, tmp_path, "{}.log")
    assert story(imported(files)) == story(imported([whole]))


@pytest.mark.parametrize("scenario", CAPTURES)
def test_captures_on_each_machine_are_one_story(scenario: str, tmp_path: Path) -> None:
    found = imported(captures_of(scenario, tmp_path))
    assert story(found) == story(imported([TRACES / scenario / "tshark-fields.tsv"]))


@pytest.mark.parametrize("other", ["smbstatus.jsonl", "smbd.log", "audit.log"])
def test_a_capture_of_the_waiter_leaves_the_holder_to_what_tells_of_it(
    other: str, tmp_path: Path
) -> None:
    scenario = TRACES / "1-one-holder-blocks"
    waiter = next(
        file for file in captures_of(scenario.name, tmp_path) if file.stem.endswith(".21")
    )
    found = imported([waiter, scenario / other])
    (episode,) = found.episodes
    assert episode.attempt_count == 4 and episode.state == "resolved"
    blockers = {one.machine for _, refused in found.refusals for one in refused.blockers}
    assert blockers in ({"WS11"}, {"127.0.0.11"})
    assert len(found.view.holdings) == 8, "what both files saw is told once"


def test_a_log_whose_beginning_was_rotated_away_is_that_of_its_name(tmp_path: Path) -> None:
    text = re.sub(r", pid=\d+", "", (TRACES / LOGS[0] / "smbd.log").read_text("utf-8"))
    late = tmp_path / "log.ws99.old"
    late.write_text(text[text.index("[2026/11/28 19:07:11") :], "utf-8")
    assert {hold.machine for hold in imported([late]).view.holdings} == {"WS99"}


@pytest.mark.parametrize(
    ("name", "machine"),
    [
        ("log.ws11", "ws11"),
        ("log.ws11.old", "ws11"),
        ("log.ws11.2.gz", "ws11"),
        ("log.ws11-20261128", "ws11"),
        ("log.ws11-20261128.xz", "ws11"),
        ("log.ws11.1.bz2", "ws11"),
        ("log.10.0.0.5", "10.0.0.5"),
        ("log.smbd", ""),
        ("log.smbd.1", ""),
        ("log.wb-EXAMPLE", ""),
        ("smbd.log", ""),
    ],
)
def test_a_file_is_named_after_a_machine_as_samba_does_it(name: str, machine: str) -> None:
    assert TraceFile(Path(name)).machine == machine


def test_a_log_of_level_3_without_a_refusal_is_not_one_of_level_2(tmp_path: Path) -> None:
    (log,) = [one for one in logs_of(LOGS[0], tmp_path) if one.name == "log.ws11"]
    notes = imported([log]).notes
    assert "a log of level 3" in notes and "level 2" not in notes


def test_what_many_files_tell_is_noted_once(tmp_path: Path) -> None:
    found: Found = imported(logs_of("9-open-read-close-loop", tmp_path))
    texts = [note.text for _, note in of(found.records, ImportNote)]
    assert len(texts) == len(set(texts))
    assert sum("clock offset of" in text for text in texts) == 1


def waiter_and_holder(path: Path) -> tuple[Path, Path]:
    """Procmon's CSV of the machine that waits, and of the one that holds the file."""
    head, *rows = (TRACES / PROCMON).read_text("utf-8-sig").splitlines(keepends=True)
    files = path / "deploy1.csv", path / "pc-1101.csv"
    for file, is_of in zip(files, (True, False), strict=True):
        text = "".join(row for row in rows if ("SETUP.EXE" in row) == is_of)
        file.write_text(head + text, "utf-8")
    return files


def test_procmon_on_two_machines_is_one_story_of_two_machines(tmp_path: Path) -> None:
    found = imported(waiter_and_holder(tmp_path))
    assert {
        (refused.machine, tuple(one.machine for one in refused.blockers))
        for _, refused in found.refusals
    } == {("DEPLOY1", ("PC-1101",))}
    assert [(one.attempt_count, one.state) for one in found.episodes] == [
        (one.attempt_count, one.state) for one in imported([TRACES / PROCMON]).episodes
    ]


def test_files_of_procmon_that_are_called_the_same_are_told_apart_by_their_directories(
    tmp_path: Path,
) -> None:
    files = []
    for file in waiter_and_holder(tmp_path):
        files.append(tmp_path / file.stem / "Logfile.CSV")
        files[-1].parent.mkdir()
        file.rename(files[-1])
    assert {
        (refused.machine, tuple(one.machine for one in refused.blockers))
        for _, refused in imported(files).refusals
    } == {("DEPLOY1-LOGFILE", ("PC-1101-LOGFILE",))}


def test_procmon_on_the_machine_that_waits_finds_the_holder_in_samples_by_the_servers_own_paths(
    tmp_path: Path,
) -> None:
    samples = sorted((TRACES / "synthetic").glob("openfiles-v_2026*.csv"))
    found = imported([waiter_and_holder(tmp_path)[0], *samples])
    blockers = [[one.user for one in refused.blockers] for _, refused in found.refusals]
    assert blockers == [[""], [""], *[["alice"]] * 4], "the first sample is later than two refusals"
    assert "by its path it is taken to be the same file" in found.notes


@pytest.mark.parametrize("own", ["D$", "d$"])
def test_an_open_by_a_servers_own_path_is_found_by_that_on_a_share(own: str) -> None:
    opens = KnownOpens()
    fact = Opened(1.0, "1", WS11, own, "data/Apps/office/b.dat", 1, 1)
    row = Known("O1", 0, fact, "FS", "WS11", "alice", "")
    opens.add(row)
    assert opens.by_own_path("FS", "apps", "office/B.dat") == [row]
    for server, share, path in (("FS2", "apps", "office/b.dat"), ("FS", "pps", "office/b.dat")):
        assert opens.by_own_path(server, share, path) == []
    opens.rename("FS", own, "data/Apps/office/b.dat", "data/Apps/office/c.dat")
    assert opens.by_own_path("FS", "apps", "office/b.dat") == []
    assert opens.by_own_path("FS", "apps", "office/c.dat") == [row]
    opens.remove(row)
    assert opens.by_own_path("FS", "apps", "office/c.dat") == []
    other = Known("O2", 0, Opened(1.0, "2", WS11, "apps", "office/b.dat", 1, 1), "FS", "", "", "")
    opens.add(other)
    assert opens.by_own_path("FS", own, "data/apps/office/b.dat") == [other]


WS11 = Who("10.0.0.11", "ws11")


@pytest.mark.parametrize(
    ("known", "asked", "is_it"),
    [
        ([WS11], WS11, True),
        ([WS11], Who("10.0.0.12", "ws12"), False),
        ([WS11], Who("10.0.0.11"), True),
        ([WS11], Who(machine="WS11.example.com"), True),
        ([WS11], Who("", "ws12"), False),
        ([WS11], Who("10.0.0.12"), False),
        ([Who("10.0.0.13")], Who("", "ws12"), True),
        ([Who(machine="ws13")], Who("10.0.0.12"), True),
        ([Who(machine="ws13")], Who("10.0.0.12", "ws12"), False),
        ([WS11], Who(), True),
        ([Who("10.0.0.11", "ws11", "alice")], Who(user="ALICE"), True),
        ([Who("10.0.0.11", "ws11", "alice")], Who(user="bob"), False),
        ([WS11], Who(user="bob"), True),
        ([Who(user="bob")], Who("10.0.0.11", "ws11", "bob"), True),
        ([Who(user="bob")], WS11, True),
        ([Who(user="bob")], Who("10.0.0.11", "ws11", "alice"), False),
        ([Who("", "", "uid 7")], Who("10.0.0.11", "ws11", "alice"), True),
        ([Who("10.0.0.11", "ws11", "alice")], Who(machine="pid 7", user="uid 20001"), True),
        ([WS11, Who()], Who("10.0.0.12", "ws12"), True),
        ([], Who("10.0.0.12", "ws12"), True),
        ([WS11], Who(machine="pid 7"), True),
        ([WS11, Who(machine="pid 7")], Who("10.0.0.12", "ws12"), False),
    ],
)
def test_who_may_be_among_a_files_clients(known: list[Who], asked: Who, is_it: bool) -> None:
    names = Names()
    those = KnownClients()
    for who in known:
        those.add(who)
    those.settle(names)
    assert those.may_have(Client(asked, names)) == is_it


def test_clients_of_a_file_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "OF_A_FILE_MAX", 1)
    those = KnownClients()
    those.add(WS11)
    those.add(WS11)
    assert not those.is_anybody
    those.add(Who("10.0.0.12", "ws12"))
    assert those.is_anybody


def test_who_tells_of_a_client_is_remembered_up_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "CLIENTS_MAX", 1)
    whole = TRACES / LOGS[0] / "smbd.log"
    assert story(imported(logs_of(LOGS[0], tmp_path))) == story(imported([whole]))
