"""The table of `make bench`."""

from __future__ import annotations

import pytest

from despoolr_lab.bench import __main__ as bench
from despoolr_lab.bench.base.figures import Found


def test_no_figure_has_two_rows() -> None:
    keys = [row.key for row in bench.ROWS]
    assert len(keys) == len({*keys})


@pytest.mark.parametrize(
    ("ratio", "code", "said"), [(1.9, 0, "at least 1.8: met"), (1.7, 10, "at least 1.8: MISSED")]
)
def test_a_part_is_measured_by_its_name_and_its_goals_decide_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ratio: float,
    code: int,
    said: str,
) -> None:
    asked: list[tuple[int, list[str]]] = []

    def measure(rounds: int, works: list[str]) -> Found:
        asked.append((rounds, works))
        return {"dav_get_to_apache": [0.1, ratio, 9.0], "dav_get_apache_load": [0.4, 0.95]}

    monkeypatch.setattr("despoolr_lab.bench.dav.measure", measure)
    assert bench.main(["--rows", "get", "--rounds", "3"]) == code
    assert asked == [(3, ["get"])]
    told = capsys.readouterr().out
    assert said in told
    assert "0.10-9.00" in told
    assert "may be the limit, in: dav_get_apache" in told


def test_a_base_is_for_the_rows_that_have_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["--rows", "get", "--base", "main"])
    assert "only night and sim are compared with a base" in capsys.readouterr().err


@pytest.mark.parametrize("base", ["nobody-knows-it", "--help", "HEAD:README.md"])
def test_a_base_that_git_does_not_know_is_one_line(
    base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        bench.main(["--rows", "night", f"--base={base}"])
    assert ended.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith(f"git knows no commit {base!r}; `git log` lists those it knows")
