"""What is read at the end: the clients' records and the site's database, as they lie there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from despoolr_core.records.kinds.client import CommandChanged, Polled, ResultReported
from despoolr_core.records.stream import Record, encode
from despoolr_lab.soak.counts import Found, Job, WorkstationRow
from despoolr_lab.soak.evidence import read_clients, read_database
from worlds.record_samples import sample


def test_records_of_all_fleets_are_read_and_half_a_line_is_none(tmp_path: Path) -> None:
    ran = CommandChanged(request="BPC0001", package="P", state="Executed")
    said = sample(ResultReported, report="BPC00010-BPC0001-1.000", result="Success")
    lines = [
        encode(Record(number, 0.0, "PC00036", fact))
        for number, fact in enumerate((ran, said, Polled(result="changed")), 1)
    ]
    (tmp_path / "fleet1.jsonl").write_bytes(b"\n".join(lines) + b'\n{"kind":"pcm.reported"')
    reported = read_clients(tmp_path, ["FLEET1", "FLEET2"])
    assert reported.begun == {("BPC00010", "BPC0001"): 1}
    assert reported.handed_in == {"BPC00010-BPC0001-1.000": "Success"}


def test_the_database_tells_reports_of_clients_jobs_and_workstations(tmp_path: Path) -> None:
    path = tmp_path / "BPC.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            """
            CREATE TABLE LoadedReports (Report TEXT, At REAL);
            INSERT INTO LoadedReports VALUES ('BPC00001-BPC0001-1.000', 1),
                                             ('BPC00001/BPC/Completion//Complete/0', 1);
            CREATE TABLE Jobs (JobID TEXT, Name TEXT, RequestID TEXT, Status TEXT, RepeatOf TEXT);
            INSERT INTO Jobs VALUES ('BPC00001', 'RUN0001', 'BPC0001', 'Complete', '');
            CREATE TABLE Events (Code INTEGER, JobID TEXT, Text TEXT);
            INSERT INTO Events VALUES
              (189, 'BPC00001', 'Cannot find the instruction for machine (PC00001) to remove.'),
              (109, 'BPC00001', 'No (other) matter.');
            CREATE TABLE Machines (MachineID INTEGER, SMSID TEXT);
            INSERT INTO Machines VALUES (7, 'BPC00001');
            CREATE TABLE JobDetails
              (JobID TEXT, MachineID INTEGER, MachineName TEXT, Kind TEXT, Status TEXT);
            INSERT INTO JobDetails VALUES ('BPC00001', 7, 'PC00001', 'Workstation', 'Complete'),
                                          ('BPC00001', 0, '', 'Completion', 'Complete');
            """
        )
        db.commit()
    found = Found(clients_wanted=1)
    read_database(path, found)
    assert found.loaded == {"BPC00001-BPC0001-1.000"}
    assert found.jobs == (Job("BPC00001", "RUN0001", "BPC0001", "Complete"),)
    assert found.unknown == {("BPC0001", "PC00001"): 1}
    assert found.rows == (WorkstationRow("BPC00001", "BPC00001", "PC00001", "Complete"),)
