"""A soak judged from what it left on disk, whenever it ended and whatever ended it.

The law: the same judgement as at its end, by the same functions, of the same samples. What only a
soak that ran to its end knows, its counts and what fell, is in its summary; without that nothing
was counted, and a soak of which nothing was counted cannot pass: where nothing grows, the run says
nothing (exit code 12).
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import msgspec

from despoolr_app.runs.directory import SUMMARY, RunError
from despoolr_core.rules.plain_json import read_json
from despoolr_lab.breaking.tables import BrokenSpan
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
    summary, kept = _summary(directory)
    asked = asked_of(directory)
    watch = SoakWatch()
    try:
        watch.read(directory / SAMPLES)
    except OSError as error:
        raise RunError(
            f"{directory} is not a soak: cannot read {SAMPLES}: {error.strerror}"
        ) from None
    except (csv.Error, KeyError) as error:
        raise RunError(f"{directory / SAMPLES} is damaged: {error}") from None
    judged = watch.judged(warm_up_s(asked), make_plan(asked).round_s)
    counts = [
        Count(one.count, one.expected, one.actual, one.examples, one.is_about_validity)
        for one in kept.counts
    ]
    fell = kept.fell
    code = exit_code(judged, counts, fell, has_lost_clients=kept.has_lost_clients)
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
        asked = read_json((directory / ASKED).read_bytes(), Asked)
    except OSError as error:
        raise RunError(
            f"{directory} is not a soak: cannot read {ASKED}: {error.strerror}"
        ) from None
    except msgspec.MsgspecError as error:
        raise RunError(f"{directory / ASKED} is damaged: {error}") from None
    if asked.clients < 1 or asked.duration_s <= 0 or asked.scale <= 0:
        raise RunError(f"{directory / ASKED} is damaged: nobody can ask for that")
    return asked


class KeptCount(msgspec.Struct):
    """A `Count` as a summary has it."""

    count: str
    expected: int
    actual: int
    examples: tuple[str, ...]
    is_about_validity: bool = False


class KeptSoak(msgspec.Struct):
    """What a judgement, and a page, read of a summary."""

    counts: list[KeptCount] = []
    fell: str = ""
    has_lost_clients: bool = False
    done: dict[str, int] = {}
    faults: list[BrokenSpan] = []
    ended_at_s: float = 0.0


def _summary(directory: Path) -> tuple[dict[str, Any], KeptSoak]:
    """What the soak said at its end; nothing for one that was killed."""
    try:
        data = (directory / SUMMARY).read_bytes()
        return read_json(data, dict[str, Any]), read_json(data, KeptSoak)
    except OSError:
        return {}, KeptSoak()
    except msgspec.MsgspecError as error:
        raise RunError(f"{directory / SUMMARY} is damaged: {error}") from None
