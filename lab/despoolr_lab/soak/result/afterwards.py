"""A soak judged from what it left on disk, whenever it ended and whatever ended it.

The law: the same judgement as at its end, by the same functions, of the same samples. What only a
soak that ran to its end knows, its counts and what fell, is in its summary; without that nothing
was counted, and a soak of which nothing was counted cannot pass: where nothing grows, the run says
nothing (exit code 12).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from despoolr_app.runs.directory import SUMMARY, RunError
from despoolr_core.rules.plain_json import read_json
from despoolr_lab.soak.counts import Count
from despoolr_lab.soak.plan import Asked, make_plan
from despoolr_lab.soak.result.outcome import (
    EXIT_INVALID,
    EXIT_OK,
    SoakResult,
    as_json,
    exit_code,
    sentence,
)
from despoolr_lab.soak.run import ASKED, SAMPLES, warm_up_s
from despoolr_lab.soak.watch import SoakWatch


def judge(directory: Path) -> SoakResult:
    """Judge the soak of a run directory. Raises `RunError`."""
    summary = _summary(directory)
    asked = asked_of(directory)
    watch = SoakWatch()
    try:
        watch.read(directory / SAMPLES)
    except OSError as error:
        raise RunError(
            f"{directory} is not a soak: cannot read {SAMPLES}: {error.strerror}"
        ) from None
    judged = watch.judged(warm_up_s(asked), make_plan(asked).round_s)
    try:
        counts = [_count(row) for row in summary.get("counts", [])]
    except (KeyError, TypeError):
        raise RunError(f"{directory / SUMMARY} is damaged: its counts cannot be read") from None
    fell = str(summary.get("fell", ""))
    code = exit_code(judged, counts, fell, has_lost_clients=bool(summary.get("has_lost_clients")))
    if not counts and code == EXIT_OK:
        code = EXIT_INVALID
    facts: dict[str, Any] = {
        "clients": asked.clients,
        "for_s": asked.duration_s,
        "scale": asked.scale,
        "seed": asked.seed,
    }
    facts |= summary or {"interrupted": True}
    facts |= {
        "passed": code == EXIT_OK,
        "exit_code": code,
        "verdict": sentence(judged, counts, fell),
    }
    return SoakResult(
        code, facts | {"warm_up_s": warm_up_s(asked)} | as_json(judged, counts), judged, counts
    )


def asked_of(directory: Path) -> Asked:
    """What was asked for of the soak of a run directory. Raises `RunError`."""
    try:
        return read_json((directory / ASKED).read_bytes(), Asked)
    except OSError as error:
        raise RunError(
            f"{directory} is not a soak: cannot read {ASKED}: {error.strerror}"
        ) from None
    except msgspec.MsgspecError as error:
        raise RunError(f"{directory / ASKED} is damaged: {error}") from None


def _summary(directory: Path) -> dict[str, Any]:
    """What the soak said at its end; nothing for one that was killed."""
    try:
        found = read_json((directory / SUMMARY).read_bytes(), object)
    except OSError:
        return {}
    except msgspec.MsgspecError as error:
        raise RunError(f"{directory / SUMMARY} is damaged: {error}") from None
    return found if isinstance(found, dict) else {}


def _count(row: dict[str, Any]) -> Count:
    return Count(
        str(row["count"]),
        int(row["expected"]),
        int(row["actual"]),
        tuple(row["examples"]),
        bool(row.get("is_about_validity")),
    )
