"""`despoolr job`: one job, shown, made, cancelled, watched: the Jobs window of the SMS
Administrator program.

The law: `despoolr job ID|NAME` shows; `create` and `cancel` ask a running site, and what the site
refuses changes nothing there. Watching ends with the job: exit code 0 if it is Complete, 10 if it
is Failed or Cancelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from despoolr_app.cli.base.at_site import (
    SITES,
    Whom,
    answering,
    at_site_option,
    find_site,
    site_options,
)
from despoolr_app.cli.base.options import option
from despoolr_app.cli.base.output import (
    EXIT_EXPECTATION,
    EXIT_OK,
    ShowGroup,
    echo_json,
    echo_table,
    fail,
    json_option,
    moment,
    put,
    say,
)
from despoolr_app.cli.opens.ask import SOURCES, find_source, notes_of, source_options

if TYPE_CHECKING:
    from despoolr_app.cli.base.at_site import AskedSite

LOOK_S = 0.25
"""Seconds between two looks at a job that is watched."""
LOST_S_MAX = 30.0
"""Seconds a site server may be away before watching ends."""
SPANS = (
    "Times are spans after the job's beginning (2h, 1d 4h) or dates (1996-06-03 09:00), "
    "in site time."
)


@click.group(
    "job",
    cls=ShowGroup,
    epilog="ID|NAME is a JobID such as BPC00002, or the job's name: the latest of that name.",
)
def command() -> None:
    """One job: `despoolr job ID|NAME [RUN]` shows it, `create` makes one, `cancel` ends it."""


@command.command("show", epilog=SOURCES)
@click.argument("job_id", metavar="ID|NAME")
@click.argument("run", default="", metavar="[RUN]")
@option(
    "--watch",
    is_flag=True,
    help="Follow it until it ends, one line a change; exit code 10 unless it is Complete.",
)
@at_site_option
@source_options
@json_option
def show(
    whom: Whom,
    job_id: str,
    watch: bool,
    as_json: bool,
) -> int:
    """Show one job and its details, or watch it.

    Details are site arrival, completion, servers, workstations.
    """
    if watch:
        if whom.run:
            fail("a finished run cannot be watched: leave RUN or --watch out")
        site = find_site(whom, job_id)
        return _watch(site, job_id, as_json=as_json)
    source = find_source(whom, job_id)
    found = answering(lambda: source.job(job_id))
    if as_json:
        echo_json(found, source=source.name, at=source.moment(), notes=source.notes)
        return EXIT_OK
    notes_of(source.notes)
    head = found["job"]
    put(f"{head['job']} {head['name']}: {head['status']} since {moment(head['status_at'])}")
    if head.get("type"):
        about = [head["type"], f"package {head['package']}"]
        about += [f"{name} {head[name]}" for name in ("sending", "working") if name in head]
        put(", ".join(about))
    echo_table(
        ["KIND", "SITE", "MACHINE", "STATUS", "AT", "DESCRIPTION"],
        [
            (
                d["kind"],
                d["site"],
                d["machine"],
                d["status"],
                moment(d["updated_at"]),
                d.get("description"),
            )
            for d in found["details"]
        ],
    )
    return EXIT_OK


@command.command("create", epilog=f"{SPANS} {SITES}")
@click.argument("name")
@option("--package", required=True, metavar="ID|NAME", help="The package.")
@option(
    "--type",
    "type",
    type=click.Choice(["run", "share", "remove"]),
    help="Default: run if there is a command, else share.",
)
@option("--command", default="", help="The command line that workstations run, e.g. SETUP.EXE.")
@option(
    "--machines",
    multiple=True,
    metavar="WS1,WS2|*",
    help="Machines that run it; '*' (quoted) is all machines.",
)
@option(
    "--site",
    "sites",
    multiple=True,
    metavar="CODE",
    help="Send it to this site; repeatable. Default: the sites of its machines and servers.",
)
@option(
    "--put-on",
    multiple=True,
    metavar="SERVER",
    help="Distribution server; repeatable. Default: each site's own servers.",
)
@option(
    "--refresh-existing",
    is_flag=True,
    help="Refresh the package on every distribution server that has it.",
)
@option(
    "--send-even-if-sent",
    is_flag=True,
    help="Send the files again, even to sites that have the package.",
)
@option("--send-only", is_flag=True, help="Send the package to its sites, and no further.")
@option("--at", default="", metavar="SPAN|DATE", help="When it begins. Default: now.")
@option(
    "--offer-after", default="", metavar="SPAN|DATE", help="When workstations are first offered it."
)
@option(
    "--mandatory-after",
    default="",
    metavar="SPAN|DATE",
    help="When it runs without asking. Default: never.",
)
@option(
    "--expires-after",
    default="",
    metavar="SPAN|DATE",
    help="When it is offered no more. Default: never.",
)
@option("--repeat-every", default="", metavar="SPAN", help="Repeat the job at this interval.")
@option("--priority", type=click.IntRange(1, 3), default=2, help="1 high, 2 medium, 3 low.")
@option("--background", is_flag=True, help="Run it as a system background task.")
@option("--user-input", is_flag=True, help="The command needs input from the user.")
@option("--watch", is_flag=True, help="Watch it until it ends; exit code 10 unless it is Complete.")
@site_options
@json_option
def create(whom: Whom, watch: bool, as_json: bool, **given: Any) -> int:
    """Make a job at a running site.

    It runs a command on workstations, shares a package on servers, or removes it there.
    """
    from msgspec import to_builtins

    from despoolr_app.site_client.job_request import Order, OrderError, job_of
    from despoolr_core.share.site_api import JobFacts, JobMade

    site = find_site(whom)
    try:
        spec = job_of(Order(**{**given, "type": given["type"] or ""}), site.facts.now)
    except OrderError as error:
        fail(str(error))
    made = site.post("jobs", JobMade, to_builtins(spec)).job
    if watch:
        if not as_json:
            put(f"job {made} {spec.name} is made: {spec.type}")
        return _watch(site, made, as_json=as_json)
    if as_json:
        found = site.get(f"jobs/{made}", JobFacts)
        site.echo_json(to_builtins(found))
    else:
        put(f"job {made} {spec.name} is made: {spec.type}, {_where(spec)}")
        put(f"follow it with `despoolr job {made} --watch`")
    return EXIT_OK


def _where(spec: Any) -> str:
    put_on = ", ".join(
        "each site's servers" if name == "*" else name for name in spec.distribute.put_on
    )
    parts = [f"on {put_on}"] if put_on else []
    if spec.distribute.refresh_existing:
        parts.append("refreshing every server that has it")
    if spec.machines:
        parts.append(
            "for all machines" if "*" in spec.machines else f"for {', '.join(spec.machines)}"
        )
    if not parts:
        parts.append(
            "from every server that has it"
            if spec.type.startswith("Remove")
            else "sent and no further"
        )
    return "; ".join(parts)


@command.command("cancel", epilog=SITES)
@click.argument("job_id", metavar="ID|NAME")
@site_options
@json_option
def cancel(whom: Whom, job_id: str, as_json: bool) -> int:
    """Cancel a job.

    A Pending one at once, one under way as far as its sites and machines can still be told.
    """
    from urllib.parse import quote

    from despoolr_core.share.site_api import JobCancelled

    site = find_site(whom, job_id)
    job = site.post(f"jobs/{quote(job_id, safe='')}/cancel", JobCancelled).job
    if as_json:
        site.echo_json({"job": job})
    else:
        put(f"job {job.job} {job.name} is {job.status}")
    return EXIT_OK


def _watch(site: AskedSite, job: str, *, as_json: bool) -> int:
    """Follow a job to its end. Lines go to standard output, with `--json` to standard error: the
    object comes last.
    """
    import time
    from urllib.parse import quote

    from msgspec import to_builtins

    from despoolr_app.site_client.errors import SiteError, SiteUnreachable
    from despoolr_app.site_client.watch import changes, has_ended
    from despoolr_core.share.site_api import JobFacts

    before: dict[str, Any] | None = None
    lost_since: float | None = None
    while True:
        try:
            path = f"jobs/{quote(job, safe='')}"
            found = to_builtins(site.running.call("GET", path, JobFacts))
        except SiteUnreachable as error:
            if before is None or (
                lost_since is not None and time.perf_counter() - lost_since > LOST_S_MAX
            ):
                fail(str(error))
            if lost_since is None:
                lost_since = time.perf_counter()
                say(f"the site server does not answer; asking again for {LOST_S_MAX:.0f} s")
            time.sleep(LOOK_S)
            continue
        except SiteError as error:
            fail(str(error))
        lost_since = None
        for line in changes(before, found, moment):
            put(line, err=as_json)
        if has_ended(found):
            break
        # by its ID from now on: a repeating job has many of one name
        job, before = found["job"]["job"], found
        time.sleep(LOOK_S)
    if as_json:
        site.echo_json(found)
    return EXIT_OK if found["job"]["status"] == "Complete" else EXIT_EXPECTATION
