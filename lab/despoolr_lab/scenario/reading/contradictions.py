"""What contradicts itself or something else: two faults of one name at one place, habits of a
program that has none, a command that expires before it runs, one name twice in a list.

The law: what could only do nothing, or undo what another step is about, is a mistake of the file's,
told with its line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from despoolr_core.rules.fold import fold
from despoolr_core.share.fault_api import KINDS
from despoolr_core.times import moment_s, span_s
from despoolr_lab.scenario import model
from despoolr_lab.scenario.model import Scenario

Mistake = tuple[str, list[str | int]]
_IN_ORDER: Final = ("jobs", "sms_ini")
"""Lists in which one word may stand twice: what was started in a row, and lines of a file."""


def mistakes(scenario: Scenario) -> Iterator[Mistake]:
    """What contradicts what, and where it stands."""
    yield from _faults(scenario)
    yield from _habits(scenario)
    yield from _dates(scenario)
    yield from _twice(scenario)


def _dates(scenario: Scenario) -> Iterator[Mistake]:
    """Dates of a command in an order in which one of them would be about nothing."""
    for index, step in enumerate(scenario.step):
        if not isinstance(step, model.JobStep):
            continue
        made = moment_s(step.at, scenario.start)
        offered, due, over = (
            moment_s(text, made) if text else None
            for text in (step.offer_after, step.mandatory_after, step.expires_after)
        )
        if due is not None and offered is not None and due < offered:
            yield (
                f"job {step.name} would be mandatory at {step.mandatory_after}, before it is "
                f"offered, {step.offer_after}",
                ["step", index, "mandatory_after"],
            )
        if due is not None and over is not None and over <= due:
            yield (
                f"job {step.name} would expire, {step.expires_after}, before it is mandatory, "
                f"{step.mandatory_after}",
                ["step", index, "expires_after"],
            )


def _twice(scenario: Scenario) -> Iterator[Mistake]:
    """A name that a list has twice, or beside the `*` that stands for all."""
    tables: list[tuple[list[str | int], Any]] = [([], scenario)]
    for table in ("site", "server", "clients", "package", "program", "step", "expect"):
        items: list[Any] = getattr(scenario, table)
        tables += [([table, index], one) for index, one in enumerate(items)]
    for where, one in tables:
        for key in one.__struct_fields__:
            words = getattr(one, key)
            if key in _IN_ORDER or not isinstance(words, list):
                continue
            names = [fold(word) for word in words if isinstance(word, str)]
            again = next((name for n, name in enumerate(names) if name in names[:n]), "")
            if again:
                yield f"{key} names {again!r} twice", [*where, key]
            elif "*" in names and len(names) > 1:
                yield f"{key} names some beside '*', which is all of them", [*where, key]


def _faults(scenario: Scenario) -> Iterator[Mistake]:
    """The end of one fault would be the end of the other. Clocks jump as often as they like, and
    handles leak.
    """
    there: list[tuple[tuple[str, ...], float, float, model.FaultStep]] = []
    for index, step in enumerate(scenario.step):
        tag = str(step.__struct_config__.tag)
        if not isinstance(step, model.FaultStep) or tag in ("clock_jumps", "handle_leaks"):
            continue
        kind = KINDS[tag]
        fields = {key: getattr(step, key) for key in kind.__struct_fields__}
        place = kind(**fields).place
        begin = moment_s(step.at, scenario.start)
        end = begin + span_s(step.for_) if step.for_ else math.inf
        for other_place, other_begin, other_end, other in there:
            speaks = not step.versions or not other.versions
            is_both = speaks or set(step.versions) & set(other.versions)
            if place != other_place or _is_born_again(scenario, step, {begin, other_begin}):
                continue
            if is_both and begin < other_end and other_begin < end:
                until = f"for {other.for_}" if other.for_ else "to the end of the run"
                yield (
                    f"{tag} is there already, from {other.at} on {until}: one ends with the other",
                    ["step", index, "at"],
                )
                break
        there.append((place, begin, end, step))


def _is_born_again(scenario: Scenario, step: model.FaultStep, begins: set[float]) -> bool:
    """Whether what dies came back in between, with all else of a site that was killed."""
    main = scenario.site[0].code
    return isinstance(step, model.SenderDiesStep) and any(
        isinstance(kill, model.KillStep)
        and not kill.server
        and (kill.site or main) == (step.site or main)
        and min(begins) < moment_s(kill.at, scenario.start) < max(begins)
        for kill in scenario.step
    )


def _habits(scenario: Scenario) -> Iterator[Mistake]:
    """Habits are those of a client's programs."""
    clients = {name for group in scenario.clients for name in group.expand()}
    for index, step in enumerate(scenario.step):
        if not isinstance(step, model.HoldStep) or step.machine in clients:
            continue
        for key in ("closes_idle_after", "copies_first", "honours_marker"):
            if getattr(step, key):
                reason = f"{key} is about programs of clients, and {step.machine} is a server"
                yield reason, ["step", index, key]
