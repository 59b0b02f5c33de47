"""What a job that an administrator typed must name: a package, machines, servers and sites that
there are.

Every refusal says what there is instead. A package may be given by its ID or its name, in any case;
the job then has its ID.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from despoolr_core.rules.fields import why_unfit_fields
from despoolr_core.rules.fold import fold
from despoolr_core.suggest import suggestion
from despoolr_server.database.protocol import Connection
from despoolr_server.site.jobs.model import DistributePhase, JobSpec, JobType, RunPhase, SendPhase
from despoolr_server.site.services.scheduler.targets import DEFAULT_SERVERS, server_sites
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.rows import queries

NAMED_MAX: Final = 20
"""How many of what there is a refusal lists."""
REPEAT_S_MIN: Final = 60.0
NAME_SIZE_MAX: Final = 64
PRIORITIES: Final = (1, 2, 3)
"""High, medium, low (Q123221)."""


class AdministratorError(ValueError):
    """Something that cannot be done as asked; the message says what can."""


def check_job(db: Connection, site: SiteContext, spec: JobSpec) -> JobSpec:
    """The job with its names as the site spells them. Raises `AdministratorError`."""
    _check_words(spec)
    package = find_package(db, spec.package)
    if spec.send is SendPhase.EVEN_IF_SENT and package.PkgID[:3] != site.code:
        raise AdministratorError(
            f"package {package.PkgID} {package.Name} is site {package.PkgID[:3]}'s: only that "
            "site can send it anew (Q134718)"
        )
    for code in spec.sites:
        if code not in site.addresses:
            raise AdministratorError(
                f"no address to site {code!r}{suggested(code, sorted(site.addresses))}"
            )
    put_on = _check_servers(db, site, spec)
    _check_machines(db, spec)
    if spec.run is not None and spec.type != JobType.RUN_COMMAND:
        raise AdministratorError(
            f"only a {JobType.RUN_COMMAND} job has a run phase, not {spec.type}"
        )
    return msgspec.structs.replace(
        spec,
        package=package.PkgID,
        distribute=DistributePhase(put_on, spec.distribute.refresh_existing),
    )


def find_package(db: Connection, package: str) -> Any:
    """A package's row, by ID or name. Raises `AdministratorError`."""
    row = queries.package(db, fold(package))
    if row is None:
        named = [r for r in queries.packages(db) if fold(r.Name) == fold(package)]
        if len(named) > 1:
            raise AdministratorError(
                f"{len(named)} packages are called {package!r}: {', '.join(r.PkgID for r in named)}"
            )
        row = named[0] if named else None
    if row is None:
        ids = [f"{r.PkgID} ({r.Name})" for r in queries.packages(db)[:NAMED_MAX]]
        raise AdministratorError(
            f"no package {package!r}; there are {', '.join(ids) or 'none yet'}"
        )
    return row


def suggested(word: str, words: list[str]) -> str:
    """The end of a refusal: the nearest of what there is, or some of it."""
    return suggestion(word, words, named_max=NAMED_MAX) or "; there are none yet"


def check_texts(body: Struct) -> None:
    """Raises `AdministratorError` for a name or line that none may be. Before anything is asked,
    quoted or kept.
    """
    if reason := why_unfit_fields(body):
        raise AdministratorError(reason)


def _check_words(spec: JobSpec) -> None:
    check_texts(spec)
    if not spec.name or len(spec.name) > NAME_SIZE_MAX:
        raise AdministratorError(f"a job's name has 1 to {NAME_SIZE_MAX} characters")
    if spec.priority not in PRIORITIES:
        raise AdministratorError(
            f"priority {spec.priority} is none of 1 (high), 2 (medium), 3 (low)"
        )
    if spec.repeat_every_s and spec.repeat_every_s < REPEAT_S_MIN:
        raise AdministratorError(
            f"a job repeats every {REPEAT_S_MIN:g} s or more, not every {spec.repeat_every_s:g} s"
        )
    run = spec.run
    if run is not None and run.expires_after is not None and run.expires_after <= run.offer_after:
        raise AdministratorError("the job would expire before it is offered")


def _check_servers(db: Connection, site: SiteContext, spec: JobSpec) -> tuple[str, ...]:
    known = server_sites(db, site)
    spelled = {fold(role.name): role.name for role in site.servers}
    names: list[str] = []
    for name in spec.distribute.put_on:
        if name == DEFAULT_SERVERS:
            names.append(name)
            continue
        if fold(name) not in known:
            raise AdministratorError(
                f"no distribution server {name!r}{suggested(name, sorted(known))}"
            )
        if spec.sites and known[fold(name)] not in spec.sites:
            raise AdministratorError(
                f"distribution server {name} is at site {known[fold(name)]}, and the job goes to "
                f"{', '.join(spec.sites)}"
            )
        names.append(spelled.get(fold(name), fold(name)))
    return tuple(names)


def _check_machines(db: Connection, spec: JobSpec) -> None:
    if isinstance(spec.run, RunPhase) and not spec.machines:
        raise AdministratorError(
            "a job with a run phase needs target machines ('*' is all of them)"
        )
    names = {fold(name) for name in spec.machines if name != "*"}
    if not names:
        return
    found = queries.machines(db, names)
    missing = sorted(names - {fold(m.name) for m in found})
    if missing:
        known = [m.name for m in queries.machines(db)]
        raise AdministratorError(
            f"this site knows no machine {', '.join(missing)}{suggested(missing[0], known)}"
        )
    elsewhere = sorted({m.name for m in found if spec.sites and m.site not in spec.sites})
    if elsewhere:
        raise AdministratorError(
            f"{', '.join(elsewhere)} is at none of the job's sites {', '.join(spec.sites)}"
        )
