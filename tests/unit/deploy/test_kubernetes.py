"""The Kubernetes manifests are what the published schemas allow, and agree with each other, the images and the settings."""

from __future__ import annotations

from functools import cache
from typing import Any

import kubernetes_validate
import pytest
import yaml

from despoolr_lab.config import VARIABLES, parse_named_server
from support import REPOSITORY

DIRECTORY = REPOSITORY / "deploy/kubernetes"
VERSIONS = ("1.29", "1.33")


@cache
def objects() -> dict[tuple[str, str], Any]:
    """Every object by kind and name."""
    found = [o for path in sorted(DIRECTORY.glob("*.yaml")) for o in yaml.safe_load_all(path.read_text())]
    return {(o["kind"], o["metadata"]["name"]): o for o in found}


def pod(kind: str, name: str) -> Any:
    return objects()[kind, name]["spec"]["template"]["spec"]


PODS = [("StatefulSet", "site"), ("StatefulSet", "logon"), ("Job", "clients")]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("what", [*PODS, ("Service", "site"), ("Service", "logon")], ids=str)
def test_an_object_fits_the_published_schema(what: tuple[str, str], version: str) -> None:
    kubernetes_validate.validate(objects()[what], version, strict=True)


def test_the_schema_refuses_what_does_not_fit() -> None:
    bad = {**objects()["Job", "clients"], "spec": {**objects()["Job", "clients"]["spec"], "completionMod": "Indexed"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(bad, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("what", PODS, ids=str)
def test_a_pod_may_do_next_to_nothing_and_is_bounded(what: tuple[str, str]) -> None:
    spec = pod(*what)
    assert spec["securityContext"]["runAsNonRoot"] and not spec["automountServiceAccountToken"]
    assert spec["enableServiceLinks"] is False, "a service named `despoolr_...` must not become a setting"
    for container in spec["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        assert {v["name"] for v in container["env"] if v["name"].startswith("DESPOOLR_")} <= set(VARIABLES)


def test_the_site_knows_every_logon_server_by_the_name_and_address_it_has() -> None:
    env = {v["name"]: v.get("value") for v in pod("StatefulSet", "site")["containers"][0]["env"]}
    known = [parse_named_server(text) for text in env["DESPOOLR_LOGON"].split()]
    replicas = objects()["StatefulSet", "logon"]["spec"]["replicas"]
    assert [(s.name, s.url) for s in known] == [(f"LOGON-{n}", f"http://logon-{n}.logon:8802") for n in range(replicas)]


def test_the_fleets_are_as_many_clients_as_the_site_wants() -> None:
    job = objects()["Job", "clients"]["spec"]
    env = {v["name"]: v.get("value") for v in job["template"]["spec"]["containers"][0]["env"]}
    site = {v["name"]: v.get("value") for v in pod("StatefulSet", "site")["containers"][0]["env"]}
    assert job["completionMode"] == "Indexed" and job["completions"] == job["parallelism"]
    assert job["completions"] * int(env["DESPOOLR_CLIENTS"]) == int(site["DESPOOLR_CLIENTS_WANTED"])
    assert 12 in job["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"], "a run without its clients is invalid"
