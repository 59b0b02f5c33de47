"""A file of faults: strict, and a mistake is one line that says where."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from despoolr_core.share.fault_api import FAULTS_MAX
from despoolr_lab.breaking.file import read_faults
from despoolr_lab.toml.toml_text import ScenarioError
from worlds.support import REPOSITORY

FULL = '[[fault]]\nfault = "disk_full"\nserver = "LOGON1"\nat = "1m"\n'


def read(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "faults.toml"
    file.write_text(text)
    return [f"{one.name} {one.at}" for one in read_faults(file, 120.0, ("SITE1", "LOGON1"))]


def test_faults_are_read_with_their_moments(tmp_path: Path) -> None:
    dies = '[[fault]]\nfault = "sender_dies"\nat = "119s"\nfor = "1h"\n'
    assert read(tmp_path, FULL + dies) == ["disk_full 1m", "sender_dies 119s"]
    assert len(read(tmp_path, FULL * FAULTS_MAX)) == FAULTS_MAX


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        (FULL.replace("1m", "2m"), 4, "2m is after the end of the run"),
        (FULL.replace("LOGON1", "MARS"), 3, "there is no server MARS; there is SITE1, LOGON1"),
        (FULL + 'delay = "2s"\n', 5, "delay"),
        ('name = "x"\n' + FULL, 1, "name"),
        (FULL * (FAULTS_MAX + 1), 4 * FAULTS_MAX + 4, "65 faults are more than 64"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, text: str, line: int, why: str) -> None:
    with pytest.raises(ScenarioError, match=why) as error:
        read(tmp_path, text)
    assert error.value.line == line


def test_the_example_of_the_page_is_such_a_file(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs/soak.md").read_text("utf-8")
    (block,) = re.findall(r"^```toml\n(.*?)^```", page, re.M | re.S)
    (tmp_path / "page.toml").write_text(block)
    found = read_faults(tmp_path / "page.toml", 86_400.0, ("SITE1", "LOGON1", "LOGON2"))
    assert [one.name for one in found] == ["disk_full", "sender_dies"]
