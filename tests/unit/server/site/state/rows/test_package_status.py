"""Which package a child's report means: the table of Q235805."""

from __future__ import annotations

import pytest

from despoolr_server.site.state.rows.package_status import Resolution, missing, resolve

KNOWN = ["10000006", "10000007", "10010007"]
CASES = [
    # said, resolves marks, means
    ("10000006", False, Resolution("10000006")),
    ("10000006", True, Resolution("10000006")),
    ("100Z0006", False, Resolution()),
    ("100Z0006", True, Resolution("10000006")),
    ("100Z0007", True, Resolution(candidates=("10000007", "10010007"))),
    ("100Z0008", True, Resolution()),
    ("10000008", True, Resolution()),
    ("", True, Resolution()),
]


@pytest.mark.parametrize(("said", "resolves", "means"), CASES)
def test_an_id_means_one_package_none_or_too_many(
    said: str, resolves: bool, means: Resolution
) -> None:
    assert resolve(said, KNOWN, resolves_marks=resolves) == means
    assert means.is_ambiguous is (len(means.candidates) > 1)


def test_what_is_logged_is_letter_for_letter_what_q235774_prints() -> None:
    assert (
        missing("40100002")
        == "~SQL Msg #99901> This PkgID (40100002) does not exist in the parent table, "
        "SMSPackages.~"
    )
