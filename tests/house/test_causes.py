"""No article reproduces by itself: take its cause away, leave all else, and its scenario goes red
where it must.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from despoolr_core.articles import ARTICLES
from despoolr_lab.kb import gallery
from despoolr_lab.scenario import model
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.reading.load import load_scenario
from despoolr_lab.scenario.run import RunOptions, run_scenario
from worlds.scenario import failed

pytestmark = pytest.mark.slow

Change = Callable[[Scenario], None]


def nobody_holds(scenario: Scenario) -> None:
    """Nobody opens a file that the Despooler wants."""
    scenario.step = [
        s for s in scenario.step if not isinstance(s, model.HoldStep | model.ReleaseStep)
    ]


def the_file_is_released(scenario: Scenario) -> None:
    """Whoever holds a file closes it before the update."""
    for step in scenario.step:
        if isinstance(step, model.HoldStep):
            step.for_ = "10m"
    scenario.step = [s for s in scenario.step if not isinstance(s, model.ReleaseStep)]


def the_job_never_expires(scenario: Scenario) -> None:
    for step in scenario.step:
        if isinstance(step, model.JobStep):
            step.expires_after = ""


def every_mif_says_success(scenario: Scenario) -> None:
    for program in scenario.program:
        if program.mif is not None:
            program.mif.status = "Success"


def the_mif_is_sent_intact(scenario: Scenario) -> None:
    """The child's Despooler does not mark the ID."""
    for site in scenario.site:
        site.profile = {**site.profile, "success_marks_package_id": False}


def no_service_is_stopped(scenario: Scenario) -> None:
    scenario.step = [s for s in scenario.step if not isinstance(s, model.ServiceStep)]


def every_server_can_be_reached(scenario: Scenario) -> None:
    scenario.step = [s for s in scenario.step if not isinstance(s, model.LinkStep)]


def every_date_lies_before_the_package_arrives(scenario: Scenario) -> None:
    for step in scenario.step:
        if isinstance(step, model.JobStep):
            step.offer_after = ""
            step.mandatory_after = "0s"


def every_machine_is_on(scenario: Scenario) -> None:
    for clients in scenario.clients:
        clients.on = True
    scenario.step = [s for s in scenario.step if not isinstance(s, model.PowerStep)]


def every_clock_is_right(scenario: Scenario) -> None:
    for clients in scenario.clients:
        clients.clock_offset = ""


def every_server_runs_windows_nt(scenario: Scenario) -> None:
    for server in scenario.server:
        server.platform = "Windows NT"


def reports_come_in_one_go(scenario: Scenario) -> None:
    for clients in scenario.clients:
        clients.report_gap = "0s"


def no_setup_leaves_a_mif(scenario: Scenario) -> None:
    for program in scenario.program:
        program.mif = None


def every_job_distributes(scenario: Scenario) -> None:
    for step in scenario.step:
        if isinstance(step, model.JobStep):
            step.distribute = True


def every_run_command_job_asks_for_the_refresh(scenario: Scenario) -> None:
    for step in scenario.step:
        if isinstance(step, model.JobStep) and step.command:
            step.refresh_existing = True


def descriptions_have_no_quotation_marks(scenario: Scenario) -> None:
    for program in scenario.program:
        if program.mif is not None:
            program.mif.description = program.mif.description.replace('"', "")


def the_refresh_flag_is_kept(scenario: Scenario) -> None:
    scenario.site[0].profile = {**scenario.site[0].profile, "retry_keeps_refresh": True}
    for expectation in scenario.expect:
        expectation.when = {}  # what the faulty version shows is asked for all the same
    scenario.expect = [
        e
        for e in scenario.expect
        if "is refreshed by the retry" not in e.name and e.name != "and so is the second"
    ]


CAUSES: list[tuple[str, str, Change, set[str]]] = [
    # article, a version with the fault, what is taken away, what must go red
    (
        "Q128458",
        "1.1",
        nobody_holds,
        {
            "the update retries after its first attempt",
            "files before the locked one are new, it and all later ones old",
            "WS1 is named as the one who blocks",
            "without forced disconnect the update is still retrying",
        },
    ),
    (
        "Q182414",
        "1.2",
        nobody_holds,
        {
            "nobody can run the application any more",
            "the directory's rights are the service account's alone",
        },
    ),
    (
        "Q184489",
        "1.2",
        nobody_holds,
        {
            "the server is retried in every version, the other one is done",
            "the directory is empty but for the file in use",
            "a retry that fails brings nothing back",
        },
    ),
    (
        "Q140051",
        "1.1",
        every_run_command_job_asks_for_the_refresh,
        {
            "the first server of the group keeps the old version",
            "and so does the second",
            "the package was decompressed once, for the first job",
            "no server reports anything to the job",
        },
    ),
    (
        "Q140374",
        "1.2",
        no_service_is_stopped,
        {
            "after 100 attempts in all the job is still Retrying",
            "it fails 100 attempts after the restart",
            "many more than 100 attempts were made",
        },
    ),
    (
        "Q153576",
        "1.1",
        every_server_can_be_reached,
        {
            "the job retries after its first attempt",
            "one server is done, the other one is to be tried again",
            "a retry instruction is written",
            "the second server never gets the package",
        },
    ),
    (
        "Q153637",
        "1.1",
        every_server_runs_windows_nt,
        {
            "the files remain on the NetWare server",
            "the log has a garbled name and no error",
            "event 107 tells of a directory of that name",
            "and the job retries",
        },
    ),
    (
        "Q153637",
        "1.0",
        nobody_holds,
        {
            "where files are in use the removal is to be tried again",
            "event 106 tells of both servers",
            "the files remain on the NetWare server",
        },
    ),
    (
        "Q156250",
        "1.1",
        every_server_runs_windows_nt,
        {
            "the row of the NetWare server stays None",
            "the job is Active after a day",
            "and a month later",
        },
    ),
    (
        "Q163488",
        "1.2",
        every_date_lies_before_the_package_arrives,
        {
            "nor does it run at its time",
            "where the file has not changed nothing happens to the end",
            "and the job stays Active",
        },
    ),
    (
        "Q191360",
        "1.2 SP2",
        nobody_holds,
        {
            "the job retries in every version",
            "WS1 is named as the one who blocks",
            "the job fails after half of the retries",
            "50 attempts were made",
        },
    ),
    (
        "Q193766",
        "1.2",
        nobody_holds,
        {
            "the package is not copied, and retried",
            "the virus scanner on the server is named",
            "the event says that the disk is full, with blank numbers",
        },
    ),
    (
        "Q255284",
        "1.2 SP4",
        the_job_never_expires,
        {"the site is told that it has expired, by all three"},
    ),
    (
        "Q255284",
        "1.2 SP4",
        every_machine_is_on,
        {"nothing has happened on the machine that is off"},
    ),
    (
        "Q138241",
        "1.1",
        reports_come_in_one_go,
        {"the failed workstation is Complete", "Job Details were told of a success, once"},
    ),
    (
        "Q140810",
        "1.1",
        descriptions_have_no_quotation_marks,
        {
            "the failed workstation's row keeps what it said",
            "and so does that of a success",
            "event 245 tells of both MIFs",
        },
    ),
    (
        "Q172899",
        "1.2",
        every_clock_is_right,
        {
            "the reports of clocks that are ahead are held back",
            "the log says until when",
            "the instructions lie in RECEIVE",
            "that of a month ahead is not",
        },
    ),
    (
        "Q184512",
        "1.2",
        nobody_holds,
        {"the job retries for a file that did not change", "WS1 is named as the one who blocks"},
    ),
    (
        "Q185179",
        "1.2",
        every_server_can_be_reached,
        {"the removal is Retrying for ever", "the package is never removed"},
    ),
    (
        "Q185649",
        "1.2",
        every_job_distributes,
        {"the job is still Active an hour later", "and a day later", "it is never Complete"},
    ),
    (
        "Q188042",
        "1.2",
        no_service_is_stopped,
        {"a day later the logon server is flooded: five reports an hour"},
    ),
    (
        "Q190135",
        "1.2",
        no_setup_leaves_a_mif,
        {"the Despooler cannot compile the MIF", "event 119 tells of the MIF"},
    ),
    (
        "Q221945",
        "1.2 SP4",
        no_service_is_stopped,
        {"while the Despooler is stopped the server is empty"},
    ),
    (
        "Q147819",
        "1.1",
        nobody_holds,
        {
            "the update retries after its first attempt",
            "the copy stopped at the locked file",
            "WS1 is named as the one who blocks",
        },
    ),
    (
        "Q147819",
        "1.1",
        the_file_is_released,
        {"the update retries after its first attempt", "the copy stopped at the locked file"},
    ),
    ("Q152229", "1.0", the_job_never_expires, {"after the job expired, 1.0"}),
    ("Q152229", "1.1", the_job_never_expires, {"after the job expired, 1.1"}),
    (
        "Q166833",
        "1.2",
        every_mif_says_success,
        {
            "the failed workstation's detail says Retrying",
            "the job retries",
            "event 374 has the words of the setup script",
        },
    ),
    (
        "Q195936",
        "1.2",
        nobody_holds,
        {
            "the job retries because the master copy cannot be stored",
            "a retry instruction exists",
            "the first server keeps the old version: the retry forgot the refresh",
        },
    ),
    (
        "Q195936",
        "1.2",
        the_refresh_flag_is_kept,
        {
            "the first server keeps the old version: the retry forgot the refresh",
            "and so does the second",
        },
    ),
    (
        "Q235805",
        "2.0",
        the_mif_is_sent_intact,
        {
            "Distribution Manager does not know the marked ID",
            "to the parent the package is not installed at the child",
        },
    ),
]


@pytest.mark.parametrize(
    ("kb", "version", "change", "red"),
    CAUSES,
    ids=[f"{c[0]}-{c[1]}-{c[2].__name__}" for c in CAUSES],
)
def test_without_its_cause_an_article_does_not_reproduce(
    kb: str, version: str, change: Change, red: set[str]
) -> None:
    scenario = load_scenario(gallery.entry(kb)[1])
    names = {e.name for e in scenario.expect}
    assert red <= names, "the scenario expects these"
    change(scenario)
    result = run_scenario(scenario, RunOptions(version=version))
    assert red <= {finding.name for finding in failed(result)}


def test_every_article_has_its_cause_taken_away() -> None:
    assert {kb for kb, *_ in CAUSES} == set(ARTICLES)
