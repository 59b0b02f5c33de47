"""The timeline of a run: steps are done and expectations looked at, each at its time.

The law: where they fall together, expectations come before steps; what is for other versions or
other settings is left out; nothing is made true that the world did not do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from despoolr_core.profile import Profile, with_overrides
from despoolr_core.records.kinds.run import ExpectationChecked, StepTaken
from despoolr_core.records.stream import Record
from despoolr_core.times import moment_s
from despoolr_lab.scenario.expectations import Finding, check
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.steps import StepError, do_step
from despoolr_lab.scenario.world import World

PROGRESS_STEPS: Final = 200

Progress = Callable[[float, float, str], None]
"""`progress(site time now, end, what happens)`: called now and then, and at every step."""
Until = Callable[[float], bool]
"""`until(site time now)`: whether the run may end already. It is asked now and then once no step is
left; what is expected at the end is looked at then.
"""


class TimelineEntry(msgspec.Struct, frozen=True, order=True):
    """Of two entries no first three are equal."""

    at: float
    rank: int
    number: int
    what: Any


def entries_of(scenario: Scenario, profiles: dict[str, Profile]) -> list[TimelineEntry]:
    """The timeline in order: at one moment, expectations before steps; those of other versions left
    out.
    """
    profile = profiles[scenario.site[0].code]
    start = scenario.start
    entries = [
        TimelineEntry(moment_s(step.at, start), 1, n, step)
        for n, step in enumerate(scenario.step)
        if not step.versions or profile.version in step.versions
    ]
    for n, expectation in enumerate(scenario.expect):
        if expectation.versions and profile.version not in expectation.versions:
            continue
        if not _applies(expectation.when, profiles[expectation.site or scenario.site[0].code]):
            continue
        entries.append(
            TimelineEntry(
                moment_s(expectation.at, start) if expectation.at else scenario.end,
                0,
                n,
                expectation,
            )
        )
    # A run cut short (`--for`) leaves out what would come later.
    return sorted(entry for entry in entries if entry.at <= scenario.end)


def refuse_nothing_expected(
    scenario: Scenario, profiles: dict[str, Profile], expected_count: int
) -> None:
    """Raises `StepError` where a file has so many expectations and none of them is asked."""
    if not expected_count or any(entry.rank == 0 for entry in entries_of(scenario, profiles)):
        return
    version = profiles[scenario.site[0].code].version
    reason = (
        f"none of the {expected_count} expectations is asked: they are for other versions than "
        f"{version}, for other settings, or for later than the end of the run"
    )
    if len(scenario.expect) < expected_count:
        reason += ", or of the scenario as written: say --seed 0"
    raise StepError(reason, ["expect", 0, "that"])


def _applies(when: dict[str, Any], profile: Profile) -> bool:
    return all(
        getattr(with_overrides(profile, {name: value}), name) == getattr(profile, name)
        for name, value in when.items()
    )


async def play(
    world: World,
    records: list[Record],
    progress: Progress | None,
    until: Until | None,
) -> list[Finding]:
    """Do the steps at their times and look at what is expected. Returns what was found of each
    expectation, in their order, and then of each step that was refused. Raises `StepError` for a
    step that cannot be done.
    """
    scenario, clock = world.scenario, world.clock
    findings: list[tuple[int, Finding]] = []
    entries = entries_of(scenario, world.profiles)
    last_step = max((number for number, one in enumerate(entries) if one.rank), default=-1)
    is_over = False
    for number, entry in enumerate(entries):
        if not is_over:
            is_over = await _wait(world, entry.at, progress, until if number > last_step else None)
        if is_over and entry.at < scenario.end:
            continue  # this was to be looked at later
        if entry.rank == 0:
            finding = await check(world, records, entry.what)
            world.recorder.record(
                "scenario",
                ExpectationChecked(
                    name=finding.name,
                    expected=finding.expected,
                    actual=finding.actual,
                    ok=finding.ok,
                ),
            )
            findings.append((entry.number, finding))
        else:
            tag = entry.what.__struct_config__.tag
            if progress:
                progress(clock.now(), scenario.end, _describe_step(entry.what))
            world.recorder.record("scenario", StepTaken(do=tag, at=entry.what.at))
            refused = await do_step(world, entry.what)
            if refused:
                name = f"{_describe_step(entry.what)} at {entry.what.at}"
                finding = Finding(name, "done", refused, ok=False)
                findings.append((len(scenario.expect) + entry.number, finding))
    if not is_over:
        await _wait(world, scenario.end, progress, until)
    for step, refused in world.refused_later:
        number = next(n for n, one in enumerate(scenario.step) if one is step)
        name = f"{_describe_step(step)} at {step.at}"
        finding = Finding(name, "done", refused, ok=False)
        findings.append((len(scenario.expect) + number, finding))
    return [finding for _, finding in sorted(findings, key=lambda pair: pair[0])]


async def _wait(
    world: World, deadline: float, progress: Progress | None, until: Until | None
) -> bool:
    """Wait for a moment of the timeline, saying now and then how far we are. Returns whether
    `until` had the run end before it.
    """
    clock, scenario = world.clock, world.scenario
    if progress is None and until is None:
        await clock.sleep_until(deadline)
        return False
    part = max(1.0, (scenario.end - scenario.start) / PROGRESS_STEPS)
    while clock.now() < deadline:
        if until and until(clock.now()):
            return True
        await clock.sleep_until(min(deadline, clock.now() + part))
        if progress:
            progress(clock.now(), scenario.end, "")
    await clock.sleep(0)
    return False


def _describe_step(step: Any) -> str:
    who = getattr(step, "machine", "") or getattr(step, "name", "") or getattr(step, "package", "")
    what = getattr(step, "file", "") or getattr(step, "path", "")
    return " ".join(part for part in (step.__struct_config__.tag, who, what) if part)
