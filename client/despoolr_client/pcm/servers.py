"""Which distribution server a package is fetched from: the documented order, as a table (Q161310,
Q165508).

A record lists at most ten package directories. `candidates` gives them in the order PCM tries them;
the caller connects, and goes on to the next when that fails. Step 3 names a place that is on no
list: the package's directory on the current logon server, which may hold it all the same. `RULES`
is the table; the fault of Q165508 is to know only its last row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Final

from despoolr_client.pcm.behaviour import PcmBehaviour, ServerChoice
from despoolr_client.pcm.chance import Chance
from despoolr_core.rules.fold import fold
from despoolr_core.rules.memory import remembered


class SelectionStep(StrEnum):
    """Why a server came up."""

    LOGON_SERVER = "current logon server"
    CONNECTED_DRIVE = "connected drive"
    PROBE = "probe of the logon server"
    RANDOM = "random"


class PackagePlace:
    r"""One package directory, as its UNC says: server, share, and the path in the share."""

    __slots__ = ("path", "server", "share", "unc")

    def __init__(self, unc: str) -> None:
        """Raises `ValueError` for a place without a server."""
        parts = [part for part in unc.replace("/", "\\").split("\\") if part]
        if len(parts) < 2 or not unc.startswith(("\\\\", "//")):
            raise ValueError(rf"a package place is \\SERVER\SHARE\PATH, not {unc!r}")
        self.server = fold(parts[0])
        self.share = fold(parts[1])
        self.path = "/".join(parts[2:])
        self.unc = "\\\\" + "\\".join([self.server, self.share, *parts[2:]]) + "\\"
        r"""`\\SERVER\SHARE\PATH\`, as the record prints it."""

    def on(self, server: str) -> PackagePlace:
        """The same share and path on another server."""
        return PackagePlace(f"\\\\{server}\\{self.share}\\{self.path}")


@remembered(1024, 512, len)
def _place(unc: str) -> PackagePlace:
    """The place of a UNC; the servers of a site are few, and its clients many."""
    return PackagePlace(unc)


Listed = Sequence[PackagePlace]


def _on_logon_server(
    listed: Listed, logon_server: str, _connected: Sequence[str]
) -> Iterator[PackagePlace]:
    return (place for place in listed if place.server == logon_server)


def _on_connected_drive(
    listed: Listed, _logon_server: str, connected: Sequence[str]
) -> Iterator[PackagePlace]:
    return (place for server in connected for place in listed if place.server == server)


def _probe(listed: Listed, logon_server: str, _connected: Sequence[str]) -> Iterator[PackagePlace]:
    return (place.on(logon_server) for place in listed[:1] if logon_server)


Rule = Callable[[Listed, str, Sequence[str]], Iterator[PackagePlace]]

RULES: Final[tuple[tuple[SelectionStep, Rule | None], ...]] = (
    (SelectionStep.LOGON_SERVER, _on_logon_server),
    (SelectionStep.CONNECTED_DRIVE, _on_connected_drive),
    (SelectionStep.PROBE, _probe),
    (SelectionStep.RANDOM, None),  # the rest of the list, shuffled
)
"""The documented order. Each step is tried in full before the next."""

STEPS: Final[dict[ServerChoice, frozenset[SelectionStep]]] = {
    ServerChoice.DOCUMENTED: frozenset(SelectionStep),
    ServerChoice.RANDOM: frozenset(SelectionStep),
    ServerChoice.LOCAL_ONLY: frozenset({SelectionStep.LOGON_SERVER, SelectionStep.PROBE}),
    ServerChoice.DRIVE_MAPPINGS: frozenset(
        {SelectionStep.LOGON_SERVER, SelectionStep.CONNECTED_DRIVE, SelectionStep.PROBE}
    ),
    ServerChoice.RANDOM_ONLY: frozenset({SelectionStep.RANDOM}),
}
"""The steps each word of `DisableRandomPCMServers` leaves (Q180151: it goes as far down the order
as its name).
"""


def candidates(
    servers: Sequence[str],
    logon_server: str,
    connected: Sequence[str],
    behaviour: PcmBehaviour,
    rng: Chance,
) -> Iterator[tuple[SelectionStep, PackagePlace]]:
    """The places to try, in order, with the step each came from; no place twice, and no draw before
    there is need of it.

    `servers` are the UNC directories of the record, `connected` the servers of the client's
    connected drives in drive order. Entries that are no UNC are passed over.
    """
    listed: list[PackagePlace] = []
    for unc in servers[: behaviour.package_servers_max]:
        try:
            listed.append(_place(unc))
        except ValueError:
            continue
    steps = (
        frozenset({SelectionStep.RANDOM})
        if behaviour.random_server_bug
        else STEPS[behaviour.server_choice]
    )
    chosen: set[str] = set()
    drives = [fold(server) for server in connected]
    for step, rule in RULES:
        if step not in steps:
            continue
        if rule is None:
            by_unc = {place.unc: place for place in listed if place.unc not in chosen}
            # the draw depends on the servers, not on how the record happens to list them
            order = sorted(by_unc)
            rng.shuffle(order)
            found: Iterator[PackagePlace] = (by_unc[unc] for unc in order)
        else:
            found = rule(listed, fold(logon_server), drives)
        for place in found:
            if place.unc not in chosen:
                chosen.add(place.unc)
                yield step, place
