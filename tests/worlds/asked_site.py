"""A site as a command of the administrator asks it, without a server: what it answers is staged,
what it was asked is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from despoolr_app.site_client.choose import RunningSite
from despoolr_app.site_client.client import ServerAddress
from despoolr_app.site_client.errors import SiteRefused
from despoolr_core.share.site_api import DetailRow, JobFacts, JobRow, SiteFacts
from despoolr_core.share.wire import Problem

NOW = 833_788_800.0  # 1996-06-03 08:00
FACTS = SiteFacts("BPC", "SITE1", "SALES", "1.2", "Fast", 60.0, NOW, "", [], [])
URL = "http://site1"


@dataclass(frozen=True, slots=True)
class StagedSite(RunningSite):
    """BPC. Each call gets its next answer, the last one for ever; an error is raised."""

    server: ServerAddress = field(default_factory=lambda: ServerAddress("SITE1", URL, "token"))
    facts: SiteFacts = FACTS
    answers: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def call(self, method: str, path: str, kind: type[Any], body: object = None) -> Any:
        """What is staged for `METHOD path`."""
        asked = f"{method} {path}"
        self.asked.append((asked, body))
        answers = self.answers[asked]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, kind)
        return answer

    def answer(self, asked: str, *answers: Any) -> None:
        """Stage what `METHOD path` is answered, one after the other."""
        self.answers[asked] = list(answers)


def refusal(detail: str, status: int = 422) -> SiteRefused:
    return SiteRefused("site BPC", Problem("about:blank", "No", status, detail))


def job(status: str, *details: DetailRow) -> JobFacts:
    """BPC00002, UPDATE."""
    row = JobRow(
        "BPC00002", "UPDATE", "Share Package On Server", "BPC00001", "", status, "Complete", "-",
        "", NOW, NOW, NOW
    )  # fmt: skip
    return JobFacts(row, list(details))


def server_row(status: str, at: float = NOW) -> DetailRow:
    return DetailRow("Server", "BPC", "LOGON1", "SALES", status, at, "")
