"""Metrics: what the processes answer, what docs/metrics.md says, what the dashboard shows, and what
a real Prometheus reads.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from despoolr_app.site_client.blocking_client import call
from despoolr_app.site_client.client import ServerAddress
from worlds.process import SERVE_ALL, Administrator, Workshop, until
from worlds.support import REPOSITORY, free_port, program

DEPLOY = REPOSITORY / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/despoolr.json").read_text())
METRIC = re.compile(r"\bdespoolr_[a-z_]+")
SERVE = (*SERVE_ALL, "--time", "x1000", "--common", "common")


@cache
def documented() -> dict[str, set[str]]:
    """Every metric of docs/metrics.md and its labels."""
    rows = re.findall(
        r"^\| `(despoolr_\w+)` \|(.*?)\| .* \|$", (REPOSITORY / "docs/metrics.md").read_text(), re.M
    )
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def marked() -> list[str]:
    """What the dashboard marks on every panel."""
    return [mark["expr"] for mark in DASHBOARD["annotations"]["list"]]


def base(name: str) -> str:
    """A metric's name without what a histogram appends."""
    return re.sub(r"_(bucket|sum|count)$", "", name)


def told(text: str) -> dict[str, set[str]]:
    """Metric to labels, of one answer."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = family.name if family.type == "histogram" else sample.name
            found.setdefault(name, set()).update(sample.labels)
        if not family.samples:
            found.setdefault(family.name + ("_total" if family.type == "counter" else ""), set())
    return found


class Stack:
    """A site in one process, a fleet, a blocked update; and where each answers."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        workshop.start(*SERVE, "--response", "Very Fast")
        fleet = workshop.start(
            *(
                "fleet",
                "--lease",
                "--clients",
                "5",
                "--poll-every",
                "1h",
                "--listen",
                "127.0.0.1:0",
            ),
            ready="first",
        )
        servers = workshop.servers()
        found = re.search(r"health and metrics on (http://\S+)", fleet.said)
        assert found
        self.token = (workshop.path / "common" / "metrics.token").read_text().strip()
        self.urls = {
            "site": servers["SITE1"].url,
            "logon": servers["LOGON1"].url,
            "fleet": found[1],
        }
        administrator = Administrator(servers["SITE1"])
        package = administrator.make_package("OFFICE", a="a one", b="b one")
        first = administrator.run_everywhere("FIRST", package)
        until(lambda: administrator.job(first)["job"]["status"] == "Complete", "the package runs")
        workshop.start("hold", f"//LOGON1/SMS_PKGD/{package}/b.dat", ready="WS1 has")
        administrator.upload("OFFICE", a="a two", b="b two")
        update = administrator.update("UPDATE", package)
        until(
            lambda: administrator.job(update)["job"]["status"] == "Retrying",
            "the update is blocked",
        )

    def metrics(self, what: str) -> str:
        return call(ServerAddress(what, self.urls[what], self.token), "GET", "/metrics").decode()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    workshop = Workshop(tmp_path_factory.mktemp("stack"))
    try:
        yield Stack(workshop)
    finally:
        for process in workshop.processes:
            process.kill()


def test_the_page_names_every_metric_with_its_labels_and_no_other(stack: Stack) -> None:
    until(
        lambda: 'despoolr_jobs{status="Retrying"}' in stack.metrics("site"), "the rows are counted"
    )
    found: dict[str, set[str]] = {}
    for what in stack.urls:
        for name, labels in told(stack.metrics(what)).items():
            found.setdefault(name, set()).update(labels)
    assert found == documented()


def test_every_page_tells_of_a_metric_once(stack: Stack) -> None:
    for what in stack.urls:
        lines = stack.metrics(what).splitlines()
        for heads in (
            [line for line in lines if line.startswith(head)] for head in ("# HELP ", "# TYPE ")
        ):
            names = [line.split()[2] for line in heads]
            assert sorted(names) == sorted(set(names)), what
        series = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
        assert sorted(series) == sorted(set(series)), what


def test_promtool_finds_nothing_wrong_with_any_page(stack: Stack) -> None:
    checker = program("promtool", "prometheus")
    for what in stack.urls:
        page = stack.metrics(what)
        done = subprocess.run(
            [checker, "check", "metrics"], input=page, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), what


def test_no_label_names_a_machine(stack: Stack) -> None:
    for what in stack.urls:
        text = stack.metrics(what)
        assert not re.search(r'"(PC\d+|WS\d+|BPC\d{5}|USER_\w+)"', text)


def test_a_blocked_update_shows_where_it_is_blocked_and_by_which_program(stack: Stack) -> None:
    text = stack.metrics("logon")
    assert "despoolr_episodes_waiting 1.0" in text
    assert re.search(
        r'despoolr_refusals_total\{program="SMS_DESPOOLER",share="SMS_PKGD"\} [1-9]', text
    )
    assert re.search(
        r'despoolr_waiter_site_seconds\{program="WINWORD.EXE",share="SMS_PKGD"\} [1-9]', text
    )


def test_boxes_jobs_and_clients_are_counted(stack: Stack) -> None:
    until(
        lambda: 'despoolr_jobs{status="Retrying"}' in stack.metrics("site"), "the rows are counted"
    )
    site, logon, fleet = (stack.metrics(what) for what in ("site", "logon", "fleet"))
    assert 'despoolr_box_files{box="PCMINS.BOX",share="SMS_SHR"} 5.0' in logon
    assert 'despoolr_box_files{box="SITE.SRV/MAINCFG.BOX/PCMDOM.BOX",share="SMS_SHRD"} 5.0' in site
    assert 'despoolr_job_details{kind="Workstation",status="Complete"} 5.0' in site
    until(lambda: "despoolr_site_clients_live 5.0" in stack.metrics("site"), "the fleet said so")
    assert "despoolr_fleet_reports_total 5.0" in fleet
    polls = [float(n) for n in re.findall(r"^despoolr_fleet_polls_total\{.*\} (.*)$", fleet, re.M)]
    assert f"despoolr_fleet_poll_seconds_count {sum(polls)}" in fleet


# -- the dashboard


def test_the_dashboard_uses_only_metrics_that_exist() -> None:
    asked = [*expressions(), *marked()]
    used = {base(name) for expression in asked for name in METRIC.findall(expression)}
    assert used <= set(documented())


def test_the_dashboard_shows_what_a_blocked_site_is_judged_by() -> None:
    used = " ".join(expressions())
    for name in (
        *(
            "despoolr_episodes_waiting",
            "despoolr_refusals_total",
            "despoolr_waiter_site_seconds",
            "despoolr_fleet_poll_seconds_bucket",
        ),
        *("despoolr_box_files", "despoolr_jobs"),
    ):
        assert name in used


def test_what_is_broken_on_purpose_is_marked_on_every_panel() -> None:
    assert marked() == ["sum by (fault) (despoolr_faults) > 0"]
    assert all(mark["enable"] for mark in DASHBOARD["annotations"]["list"])


def test_the_panels_have_their_own_places_and_explain_themselves() -> None:
    source = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text()
    )["datasources"][0]["uid"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    for panel in panels():
        assert panel["title"] and panel["description"] and panel["targets"]
        assert {t["datasource"]["uid"] for t in panel["targets"]} == {source}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    for one, other in itertools.combinations(
        [panel["gridPos"] for panel in DASHBOARD["panels"]], 2
    ):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_grafana_finds_the_dashboard_where_the_stack_mounts_it() -> None:
    provider = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/dashboards/despoolr.yml").read_text()
    )["providers"][0]
    mounts = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]["grafana"][
        "volumes"
    ]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in mounts


# -- a real Prometheus


class Prometheus:
    """Debian's, with the stack's own configuration; only the addresses are those of this
    machine.
    """

    def __init__(self, stack: Stack, directory: Path) -> None:
        config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
        config["scrape_configs"] = [
            job for job in config["scrape_configs"] if job["job_name"] != "parent"
        ]
        config["global"] |= {"scrape_interval": "500ms", "scrape_timeout": "500ms"}
        for job in config["scrape_configs"]:
            job.pop("dns_sd_configs", None)
            job["static_configs"] = [
                {"targets": [stack.urls[job["job_name"]].removeprefix("http://")]}
            ]
            job["authorization"]["credentials_file"] = str(
                stack.workshop.path / "common" / "metrics.token"
            )
        (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.url = f"http://127.0.0.1:{free_port()}"
        self.log = directory / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    program("prometheus", "prometheus"),
                    f"--config.file={directory}/prometheus.yml",
                    f"--storage.tsdb.path={directory}/data",
                    f"--web.listen-address={self.url.removeprefix('http://')}",
                ],
                stdout=log,
                stderr=log,
            )

    def ask(self, path: str, **query: str) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(
                f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=60
            ) as response:
                return json.loads(response.read())["data"]
        except OSError:
            assert self.process.poll() is None, self.log.read_text()
            return None

    def value(self, expression: str) -> float | None:
        result = (self.ask("query", query=expression) or {"result": []})["result"]
        return float(result[0]["value"][1]) if result else None


@pytest.fixture(scope="module")
def prometheus(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    made = Prometheus(stack, tmp_path_factory.mktemp("prometheus"))
    try:
        yield made
    finally:
        made.process.terminate()
        made.process.wait(60)


def test_prometheus_accepts_the_configuration_of_the_stack() -> None:
    done = subprocess.run(
        [
            program("promtool", "prometheus"),
            "check",
            "config",
            "--syntax-only",
            DEPLOY / "prometheus/prometheus.yml",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_reaches_every_target(prometheus: Prometheus) -> None:
    def all_up() -> bool:
        targets = (prometheus.ask("targets") or {"activeTargets": []})["activeTargets"]
        return {(t["labels"]["job"], t["health"]) for t in targets} == {
            ("site", "up"),
            ("logon", "up"),
            ("fleet", "up"),
        }

    until(all_up, "site, logon server and fleet are up")


def test_every_panel_is_a_question_that_prometheus_answers(prometheus: Prometheus) -> None:
    until(
        lambda: prometheus.value("sum(despoolr_episodes_waiting)") == 1.0,
        "the blocked update is seen",
    )
    until(
        lambda: prometheus.value('sum(despoolr_jobs{status="Retrying"})') == 1.0,
        "and the job that retries",
    )

    def is_answered(expression: str) -> bool:
        return prometheus.value(expression) is not None

    for expression in expressions():  # a rate needs two readings
        until(partial(is_answered, expression), f"Prometheus answers {expression}")
