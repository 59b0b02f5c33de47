"""Which command answers what with `--json`: one row a command, in the order of `--help`.

Where a command has several forms of answer, its row has them all; a list is one, too.
"""

from __future__ import annotations

from typing import Any, Final

from despoolr_app.runs.store import KeptRun
from despoolr_core.records.whatif.ladder import Ladder
from despoolr_core.share.site_api import HotfixList
from despoolr_lab.cli.answers import files, runs, site, studies

ANSWERS: Final[dict[str, tuple[Any, ...]]] = {
    "demo": (runs.DemoAnswer,),
    "kb list": (list[runs.ArticleAnswer],),
    "kb show": (runs.ArticleShowAnswer,),
    "kb run": (runs.RunAnswer, list[runs.RunAnswer]),
    "run": (runs.RunAnswer,),
    "explore": (studies.ExploreAnswer,),
    "shrink": (studies.ShrinkAnswer,),
    "replay": (runs.ReplayAnswer,),
    "scenario lint": (studies.LintAnswer,),
    "import": (runs.ImportAnswer, runs.ImportFormatsAnswer),
    "watch": (runs.WatchAnswer,),
    "fleet": (site.FleetAnswer,),
    "load": (studies.LoadAnswer,),
    "compare": (studies.CompareAnswer,),
    "clients": (site.ClientsAnswer,),
    "soak": (studies.SoakAnswer, studies.SoakPlanAnswer),
    "hold": (site.HoldAnswer,),
    "locks": (site.HeldAnswer, site.ContentionAnswer),
    "release": (site.ReleaseAnswer,),
    "why": (site.EpisodeAnswer,),
    "jobs": (site.JobsAnswer,),
    "job show": (site.JobAnswer, site.SiteJobAnswer),
    "job create": (site.SiteJobAnswer,),
    "job cancel": (site.JobCancelAnswer,),
    "packages": (site.PackagesAnswer,),
    "package show": (site.PackageAnswer,),
    "package create": (site.PackageCreateAnswer,),
    "package update": (site.PackageUpdateAnswer,),
    "machines": (site.MachinesAnswer,),
    "machine": (site.MachineAnswer,),
    "sites": (site.SitesAnswer,),
    "hotfix apply": (site.HotfixApplyAnswer,),
    "hotfix list": (HotfixList,),
    "fault list": (site.FaultsAnswer,),
    "fault add": (site.FaultTold,),
    "fault clear": (site.FaultClearAnswer,),
    "events": (site.EventsAnswer,),
    "health": (site.HealthAnswer,),
    "mif check": (files.MifCheckAnswer,),
    "mif show": (files.MifShowAnswer,),
    "pcmdump": (files.InstructionAnswer, list[files.InstructionAnswer]),
    "profiles": (site.ProfilesAnswer,),
    "runs list": (runs.RunsAnswer,),
    "runs show": (KeptRun,),
    "runs rm": (runs.RunsRemoveAnswer,),
    "runs gc": (runs.RunsRemoveAnswer,),
    "whatif": (Ladder,),
    "report": (runs.ReportAnswer,),
    "export": (runs.ExportAnswer,),
}
