"""Worlds: what a scenario leaves open, decided by a seed.

The law: seed 0, and `jitter = "off"`, are the scenario as it is written. In every other world each
draw has a name (of a machine, a step, a service) and is a hash of the seed and that name, and of
nothing else: so who is added shifts nobody else's draws, and they are the same on every machine,
Python version and hash seed. What is written as `exact` stays. Nothing here runs anything.

| Varies | `small` | `wide` |
| --- | --- | --- |
| a hold begins | +-5 min | +-30 min |
| it ends, by its `for` or by a release | +-10 %, at most 15 min | x0.5 to x2 |
| the grid of a site's services | begins within one interval | so does that of each service |
| a client's polls | begin within one interval | as `small`, and with `first_poll` as well |
| a second program holds the file | - | one time in two |
| a client that nothing names is off | - | one in ten |

A step's own `jitter` replaces the first two rows, and moves steps of other kinds too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

import msgspec

from despoolr_core.times import moment_s, span_s
from despoolr_lab.scenario.model import HoldStep, ReleaseStep, Scenario, Step

OFF: Final = "off"
SMALL: Final = "small"
WIDE: Final = "wide"
BEGINS_S: Final = {SMALL: 300.0, WIDE: 1800.0}
ENDS_SHARE: Final = 0.1
ENDS_S_MAX: Final = 900.0
RELEASE_SHARE_MAX: Final = 0.4
"""How far a release moves towards the hold that it ends, as a share of what lies between them."""
SECOND_HOLD_S: Final = 3600.0
OFF_SHARE: Final = 0.1


class Variation(msgspec.Struct, frozen=True):
    """One world of a scenario: what differs from the text of it."""

    seed: int
    jitter: str = SMALL

    @classmethod
    def of(cls, scenario: Scenario, seed: int) -> Variation:
        """The world of a seed, as the scenario lets it vary."""
        return cls(seed, scenario.worlds.jitter)

    @property
    def is_as_written(self) -> bool:
        """Whether the seed and the jitter leave the scenario as its file has it."""
        return self.seed == 0 or self.jitter == OFF

    def draw(self, *name: object) -> float:
        """A number from 0 to below 1 that belongs to this name."""
        text = "/".join(str(part) for part in (self.seed, *name))
        digest = hashlib.sha256(text.encode()).digest()
        return int.from_bytes(digest[:6], "big") / (1 << 48)

    def service_delay_s(self, site: str, service: str, interval_s: float) -> float:
        """How long after its usual start a service of a site has its first round."""
        if self.is_as_written:
            return 0.0
        name = ("grid", site, service) if self.jitter == WIDE else ("grid", site)
        return _ms(self.draw(*name) * interval_s)

    def first_poll_s(self, machine: str, written_s: float, interval_s: float, text: str) -> float:
        """When a client polls first; `text` is what the scenario says of it, if it does."""
        if self.is_as_written or (text and self.jitter != WIDE):
            return written_s
        return _ms(self.draw("poll", machine) * interval_s)

    def is_off(self, machine: str, named: frozenset[str]) -> bool:
        """Whether a client that is on as written is off in this world."""
        return (
            not self.is_as_written
            and self.jitter == WIDE
            and machine not in named
            and self.draw("off", machine) < OFF_SHARE
        )

    def honours(self, machine: str, share: float) -> bool:
        """Whether a machine is of the share that honours markers; as it is written, too, that is
        drawn.
        """
        return self.draw("honours", machine) < share

    def steps(self, scenario: Scenario) -> list[Step]:
        """The timeline of this world, in the order of the file; what was added comes last."""
        if self.is_as_written:
            return list(scenario.step)
        moved: list[Step] = []
        added: list[Step] = []
        begun: dict[str, float] = {}
        """Machine to when it opened what it holds, in this world."""
        for name, step in _named(scenario.step):
            at = moment_s(step.at, scenario.start) - scenario.start
            changed = self._moved(name, step, at, begun, scenario)
            if isinstance(step, HoldStep):
                begun[step.machine] = moment_s(changed.at, 0.0)
                added += self._second_holder(name, step, at, scenario)
            moved.append(changed)
        return moved + added

    def _moved(
        self, name: str, step: Step, at: float, begun: dict[str, float], scenario: Scenario
    ) -> Step:
        if step.exact:
            return msgspec.structs.replace(step, at=span_text(at))
        own_s = span_s(step.jitter) if step.jitter else None
        draw = 2 * self.draw("at", name) - 1
        by_s = own_s or 0.0
        if isinstance(step, HoldStep) and own_s is None:
            by_s = BEGINS_S[self.jitter]
        if isinstance(step, ReleaseStep) and own_s is None:
            held_s = at - begun.get(step.machine, 0.0)
            by_s = held_s if self.jitter == WIDE else min(ENDS_S_MAX, RELEASE_SHARE_MAX * held_s)
            if self.jitter == WIDE and draw < 0:
                by_s *= 0.5  # x0.5 to x2 of the time that it was held
        new_at = at + draw * max(0.0, by_s)
        if isinstance(step, ReleaseStep) and step.machine in begun:
            new_at = max(new_at, begun[step.machine] + 1.0)  # nothing is closed before it is open
        new_at = min(max(0.0, new_at), scenario.end - scenario.start)
        changed = msgspec.structs.replace(step, at=span_text(_ms(new_at)))
        if isinstance(changed, HoldStep) and changed.for_:
            changed.for_ = span_text(self._held_s(name, span_s(changed.for_), own_s))
        return changed

    def _held_s(self, name: str, written_s: float, own_s: float | None) -> float:
        draw = 2 * self.draw("for", name) - 1
        if own_s is None and self.jitter == WIDE:
            return _ms(float(written_s * 2.0**draw))
        by_s = min(ENDS_S_MAX, ENDS_SHARE * written_s) if own_s is None else own_s
        return _ms(max(1.0, written_s + draw * by_s))

    def _second_holder(
        self, name: str, step: HoldStep, at: float, scenario: Scenario
    ) -> Iterator[HoldStep]:
        if self.jitter != WIDE or step.exact or self.draw("second", name) < 0.5:
            return
        others = [m for group in scenario.clients for m in group.expand() if m != step.machine]
        if not others:
            return
        # The one with the highest draw: another client changes that only by being it.
        machine = max(others, key=lambda one: self.draw("second", name, one))
        begins_s = at + self.draw("second at", name) * 2 * SECOND_HOLD_S
        if begins_s > scenario.end - scenario.start:
            return
        yield msgspec.structs.replace(
            step,
            machine=machine,
            at=span_text(_ms(begins_s)),
            for_=span_text(_ms(SECOND_HOLD_S * 2.0 ** (2 * self.draw("second for", name) - 1))),
            may_fail=True,
        )


def world_of(scenario: Scenario, seed: int) -> Scenario:
    """The scenario of one world: its steps moved, and what holds exactly as written left out."""
    variation = Variation.of(scenario, seed)
    if variation.is_as_written:
        return scenario
    return msgspec.structs.replace(
        scenario,
        step=variation.steps(scenario),
        expect=[expectation for expectation in scenario.expect if not expectation.exact_only],
    )


def named_machines(scenario: Scenario) -> frozenset[str]:
    """The machines that a step or an expectation speaks of."""
    found: set[str] = set()
    for one in (*scenario.step, *scenario.expect):
        for key in ("machine", "machines", "blocker", "rows"):
            value = getattr(one, key, "")
            found |= {value} if isinstance(value, str) else set(value)
    return frozenset(found)


def span_text(seconds: float) -> str:
    """A span as a scenario file writes it, to the millisecond: `1d 2h 3m 4.005s`."""
    ms = round(seconds * 1000)
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count}{unit}")
    if ms or not parts:
        parts.append(f"{ms // 1000}s" if ms % 1000 == 0 else f"{ms / 1000:.3f}s")
    return " ".join(parts)


def _named(steps: list[Step]) -> Iterator[tuple[str, Step]]:
    """Each step with a name that no other step has, and that does not hang on what else there
    is.
    """
    seen: dict[str, int] = {}
    for step in steps:
        who = [
            str(getattr(step, key))
            for key in ("machine", "name", "package", "server", "file", "path", "job")
            if getattr(step, key, "")
        ]
        name = "/".join([str(step.__struct_config__.tag), *who, step.at])
        seen[name] = seen.get(name, 0) + 1
        yield (name if seen[name] == 1 else f"{name}/{seen[name]}"), step


def _ms(seconds: float) -> float:
    return round(seconds, 3)
