"""Every reader of a JSON file that somebody may have written: too deep, or no UTF-8, it is a
damaged file like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from despoolr_app.clocks.time_source import parse_anchor
from despoolr_app.process.discovery import DIRECTORY, FILE, running
from despoolr_app.process.settings import ConfigError
from despoolr_app.process.state_file import DamagedState, read_state
from despoolr_app.runs.directory import SUMMARY, FinishedRun, RunError
from despoolr_app.runs.remedy import kept_remedy
from despoolr_core.formats.reports.sta import StaError, parse_sta
from despoolr_core.records.stream import decode
from despoolr_core.records.whatif import ladder
from despoolr_core.rules.plain_json import read_json
from despoolr_lab.load.outcome.archive import read_kept
from despoolr_lab.soak.result.afterwards import judge
from despoolr_lab.soak.run import ASKED
from despoolr_server.files.beside.attributes import AttributeList
from despoolr_server.site.services.sender import SendRequestError, parse_send_request

Reader = Callable[[Path], Any]


def of_bytes(parser: Callable[[bytes], Any]) -> Reader:
    return lambda file: parser(file.read_bytes())


def listed(file: Path) -> Any:
    place = file.parent / DIRECTORY
    place.mkdir()
    file.rename(place / FILE)
    return running(file.parent)


def kept_as(name: str, reader: Reader) -> Reader:
    return lambda file: reader(file.rename(file.with_name(name)).parent)


def attributes(file: Path) -> list[str]:
    findings: list[str] = []
    AttributeList(file, findings)
    return findings


READERS: Final[dict[str, tuple[Reader, Any]]] = {
    "any": (of_bytes(lambda data: read_json(data, object)), msgspec.DecodeError),
    "a record": (of_bytes(decode), msgspec.DecodeError),
    "a package status record": (of_bytes(parse_sta), StaError),
    "a send request": (of_bytes(parse_send_request), SendRequestError),
    "an anchor": (of_bytes(parse_anchor), None),
    "state.json": (read_state, DamagedState),
    "servers.json": (listed, ConfigError),
    "a ladder": (kept_as(ladder.FILE, kept_remedy), ""),
    "a summary": (kept_as(SUMMARY, lambda run: FinishedRun(run).summary), None),
    "a load": (kept_as(SUMMARY, lambda run: read_kept(str(run), run.parent)), RunError),
    "a soak": (kept_as(ASKED, judge), RunError),
}
"""Each reader of a file, and what it answers a damaged one: an error, or a value."""
KEYS: Final = (b"report", b"job", b"servers", b"version", b"kind", b"sentence", b"x")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "data",
    [
        b'{"x":' * 100_000,
        b"[" * 100_000,
        b"{" + b",".join(b'"%b": "\xff"' % key for key in KEYS) + b"}",
        b"".join(b'{"%b":' % key for key in KEYS) * 20_000,
    ],
    ids=["objects", "lists", "no UTF-8", "all keys"],
)
def test_json_that_is_too_deep_or_no_text_is_as_damaged_as_any(
    tmp_path: Path, reader: str, data: bytes
) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    read, answer = READERS[reader]
    if isinstance(answer, type):
        with pytest.raises(answer):
            read(file)
    else:
        assert read(file) == answer


@pytest.mark.parametrize("data", [b'{"x":' * 100_000, b'{"\xff": 1}', b"["])
def test_a_list_of_attributes_that_is_damaged_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    assert len(attributes(tmp_path / "file")) == 1
