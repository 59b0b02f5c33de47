"""What Prometheus is told: rules that it reads, about metrics that exist, each seen to fire."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from worlds.support import REPOSITORY, program

DIRECTORY = REPOSITORY / "deploy/prometheus"
RULES = yaml.safe_load((DIRECTORY / "alerts.yml").read_text())["groups"][0]["rules"]


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("promtool", "prometheus"), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=DIRECTORY,
    )


def test_prometheus_reads_the_rules_and_the_configuration() -> None:
    for words in (
        ("check", "rules", "alerts.yml"),
        ("check", "config", "--syntax-only", "prometheus.yml"),
    ):
        done = promtool(*words)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_of_a_cluster_is_one_but_for_its_discovery(tmp_path: Path) -> None:
    """Debian's promtool is built without the discovery of Kubernetes: that part is not read."""
    configuration = yaml.safe_load((DIRECTORY / "kubernetes.yml").read_text())
    (job,) = configuration["scrape_configs"]
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod"}]
    assert job["authorization"]["credentials_file"], "metrics want a token"
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    done = promtool("check", "config", "--syntax-only", str(tmp_path / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_about_metrics_that_exist_and_says_what_to_do(rule: dict[str, Any]) -> None:
    documented = set(
        re.findall(r"^\| `(despoolr_\w+)` \|", (REPOSITORY / "docs/metrics.md").read_text(), re.M)
    )
    used = {re.sub(r"_bucket$", "", name) for name in re.findall(r"despoolr_[a-z_]+", rule["expr"])}
    assert used <= documented
    assert used or "up ==" in rule["expr"]
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"].keys() == {"summary", "description"}


CASES = {
    "DespoolrProcessGone": ('up{job="site",instance="site:8801"}', "0x30"),
    "DespoolrUpdateBlocked": ('despoolr_episodes_waiting{instance="site:8801"}', "2x60"),
    "DespoolrQueueGrows": (
        'despoolr_box_files{share="SMS_SITE",box="IN",instance="site:8801"}',
        "0+60x90",
    ),
    "DespoolrServicePaused": (
        'despoolr_service_paused{component="SMS_DESPOOLER",instance="site:8801"}',
        "1x90",
    ),
    "DespoolrClientsMissing": ('despoolr_site_clients_live{instance="site:8801"}', "90x30"),
    "DespoolrSlowAnswers": (
        'despoolr_request_seconds_bucket{method="GET",le="1.0",instance="site:8801"}',
        "0+10x60",
    ),
    "DespoolrServerMistakes": (
        'despoolr_requests_total{method="GET",status="500",instance="site:8801"}',
        "0+1x30",
    ),
}
"""An input that makes each fire: a series, and its values a minute apart."""


@pytest.mark.slow
def test_every_alert_fires_when_it_should_and_not_before(tmp_path: Path) -> None:
    assert CASES.keys() == {rule["alert"] for rule in RULES}
    more = {
        "DespoolrClientsMissing": [
            {"series": 'despoolr_site_clients_wanted{instance="site:8801"}', "values": "100x30"}
        ],
        "DespoolrSlowAnswers": [
            {
                "series": "despoolr_request_seconds_bucket"
                f'{{method="GET",le="{le}",instance="site:8801"}}',
                "values": values,
            }
            for le, values in (("0.5", "0x60"), ("+Inf", "0+10x60"))
        ],
    }
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": series, "values": values}, *more.get(alert, [])],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})',
                    "eval_time": at,
                    "exp_samples": [{"value": 1}] if fires else [],
                }
                for at, fires in (("0m", False), ("80m" if "x90" in values else "25m", True))
            ],
        }
        for alert, (series, values) in CASES.items()
    ]
    rules = tmp_path / "alerts.yml"
    rules.write_text((DIRECTORY / "alerts.yml").read_text())
    (tmp_path / "test.yml").write_text(
        yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": tests})
    )
    done = promtool("test", "rules", str(tmp_path / "test.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
