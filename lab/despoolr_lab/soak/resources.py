"""Which numbers of a process are watched for drift, how much growth an hour is still none, and what
growth is its due.

The law: what only grows with the work is no resource here: rows of the database, its file, the
records on disk, counters. What a process remembers on purpose, up to a bound it states, or of every
package it ran, is taken off its memory before that is judged, by the number of things remembered
and a stated size of each; the rest must not grow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from despoolr_lab.samples import Sample
from despoolr_lab.soak.drift import Limit

MIB: Final = 1024 * 1024
MEMORY: Final = "memory"
BOX: Final = "box "

LIMITS: Final[Mapping[str, Limit]] = {
    MEMORY: Limit(share=0.10, at_least=8.0 * MIB, span_s_min=480.0),
    "descriptors": Limit(share=0.10, at_least=6.0, span_s_min=120.0, is_of_floors=True),
    "tasks": Limit(share=0.10, at_least=6.0, span_s_min=120.0, is_of_floors=True),
    "opens": Limit(share=0.10, at_least=6.0, span_s_min=120.0, is_of_floors=True),
    "sessions": Limit(share=0.10, at_least=6.0, span_s_min=120.0, is_of_floors=True),
    "waiting updates": Limit(share=0.10, at_least=6.0, span_s_min=120.0, is_of_floors=True),
    "unsent reports": Limit(share=0.10, at_least=12.0, span_s_min=120.0, is_of_floors=True),
    BOX: Limit(share=0.10, at_least=12.0, span_s_min=120.0, is_of_floors=True),
}
"""Growth an hour that is still none. Memory wants eight minutes of settled running: Python's
allocator gives back little of what a burst took, so that after a start memory climbs for minutes to
a plateau, and a shorter look at it says nothing.
"""

REMEMBERED_SIZES: Final[Mapping[str, float]] = {"opens": 1000.0, "episodes": 3000.0}
"""Bytes of memory for each thing a server remembers to answer *why* (at most 50,000 opens and
10,000 episodes).
"""
RUN_SIZE: Final = 300.0
"""Bytes of memory for each package a client ran: its line in PCMHIST.REG, and when."""


def limit_of(resource: str) -> Limit:
    """The limit of a resource by its name; every box has the same."""
    return LIMITS[BOX if resource.startswith(BOX) else resource]


def is_resource(name: str) -> bool:
    """Whether there is a limit for it."""
    return name.startswith(BOX) or name in LIMITS


def values_of(sample: Sample) -> dict[str, float]:
    """Every resource a sample tells of, memory without what is the process's due."""
    share, fleet = sample.share, sample.fleet
    told = {
        "descriptors": sample.process.file_descriptors,
        "tasks": sample.process.tasks,
        "opens": share.opens,
        "sessions": share.sessions,
        "waiting updates": share.episodes_waiting,
        "unsent reports": fleet.reports_unsent,
    }
    if sample.process.memory is not None:
        told[MEMORY] = sample.process.memory - due_memory(sample)
    found = {name: value for name, value in told.items() if value is not None}
    for (share_name, box), depth in share.boxes.items():
        name = box if box == share_name else f"{share_name}/{box.rpartition('/')[2]}"
        found[f"{BOX}{name}"] = depth
    return found


def due_memory(sample: Sample) -> float:
    """Bytes that the process may well have for what it remembers."""
    kept = sum(
        count * REMEMBERED_SIZES.get(kind, 0.0) for kind, count in sample.share.remembered.items()
    )
    return kept + (sample.fleet.runs or 0.0) * RUN_SIZE
