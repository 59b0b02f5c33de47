"""docs/recordings.md is what imports find in the recordings."""

from __future__ import annotations

import pytest

from despoolr_lab.docs.recordings import FILES, page, recordings
from worlds.support import REPOSITORY, program
from worlds.traces import TRACES


@pytest.mark.slow
def test_the_page_of_the_recordings_is_up_to_date() -> None:
    program("tshark", "tshark")
    written = (REPOSITORY / "docs" / "recordings.md").read_text("utf-8")
    assert written == page(TRACES), "say: make recordings"


def test_every_recording_has_a_row_for_each_of_its_files() -> None:
    written = (REPOSITORY / "docs" / "recordings.md").read_text("utf-8")
    for place in recordings(TRACES):
        for file in FILES:
            assert (f"| {place.name} | `{file}` |" in written) == (place / file).is_file()
