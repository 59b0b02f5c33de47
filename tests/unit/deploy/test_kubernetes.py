"""The Kubernetes manifests are what the published schemas allow, and agree with each other, the
images and the settings.

Overlays are rendered by what a page of code knows of kustomize (resources, images, strategic
merges), and that is compared with `kubectl kustomize` where a kubectl is installed: the one of
Debian is too old to read them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from copy import deepcopy
from functools import cache
from typing import Any

import kubernetes_validate
import pytest
import yaml

from despoolr_app.cli.base.variables import VARIABLES
from despoolr_app.process.settings import parse_named_server
from worlds.support import REPOSITORY

DIRECTORY = REPOSITORY / "deploy/kubernetes"
VERSIONS = ("1.29", "1.33")


@cache
def objects() -> dict[tuple[str, str], Any]:
    """Every object of the base, as it is written, by kind and name."""
    files = [
        path
        for path in sorted((DIRECTORY / "base").glob("*.yaml"))
        if path.name != "kustomization.yaml"
    ]
    return by_name("---\n".join(path.read_text() for path in files))


def by_name(text: str) -> dict[tuple[str, str], Any]:
    return {(o["kind"], o["metadata"]["name"]): o for o in yaml.safe_load_all(text) if o}


@cache
def rendered(place: str) -> dict[tuple[str, str], Any]:
    """Every object of a kustomization, as a cluster would get it."""
    directory = DIRECTORY / place
    told = yaml.safe_load((directory / "kustomization.yaml").read_text())
    found: dict[tuple[str, str], Any] = {}
    for resource in told["resources"]:
        path = (directory / resource).resolve()
        inside = path.is_dir()
        found |= deepcopy(
            rendered(str(path.relative_to(DIRECTORY))) if inside else by_name(path.read_text())
        )
    for patch in told.get("patches", ()):
        change = yaml.safe_load(patch["patch"])
        key = (change["kind"], change["metadata"]["name"])
        found[key] = merged(found[key], change)
    tags = {image["name"]: image["newTag"] for image in told.get("images", ())}
    for what in found.values():
        for container in what["spec"].get("template", {"spec": {"containers": []}})["spec"][
            "containers"
        ]:
            name, _, tag = container["image"].partition(":")
            container["image"] = f"{name}:{tags.get(name, tag)}"
    return found


def merged(old: Any, new: Any) -> Any:
    """A strategic merge: mappings key by key, lists of named things by name, everything else
    replaced.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        return {
            **old,
            **{key: merged(old[key], value) if key in old else value for key, value in new.items()},
        }
    if (
        isinstance(old, list)
        and isinstance(new, list)
        and all("name" in item for item in [*old, *new])
    ):
        there = {item["name"]: item for item in old}
        return list(
            {**there, **{i["name"]: merged(there.get(i["name"], {}), i) for i in new}}.values()
        )
    return new


def unordered(what: Any) -> Any:
    """For a comparison in which the order of named things does not count."""
    if isinstance(what, dict):
        return {key: unordered(value) for key, value in what.items()}
    if isinstance(what, list):
        return sorted(
            (unordered(item) for item in what), key=lambda item: json.dumps(item, sort_keys=True)
        )
    return what


def variables(what: Any) -> dict[str, Any]:
    """The environment of an object's container."""
    return {
        v["name"]: v.get("value") for v in what["spec"]["template"]["spec"]["containers"][0]["env"]
    }


def pod(kind: str, name: str) -> Any:
    return objects()[kind, name]["spec"]["template"]["spec"]


PODS = [("StatefulSet", "site"), ("StatefulSet", "logon"), ("Job", "clients")]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("what", [*PODS, ("Service", "site"), ("Service", "logon")], ids=str)
def test_an_object_fits_the_published_schema(what: tuple[str, str], version: str) -> None:
    kubernetes_validate.validate(objects()[what], version, strict=True)


def test_the_schema_refuses_what_does_not_fit() -> None:
    bad = {
        **objects()["Job", "clients"],
        "spec": {**objects()["Job", "clients"]["spec"], "completionMod": "Indexed"},
    }
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(bad, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("what", PODS, ids=str)
def test_a_pod_may_do_next_to_nothing_and_is_bounded(what: tuple[str, str]) -> None:
    spec = pod(*what)
    assert spec["securityContext"]["runAsNonRoot"] and not spec["automountServiceAccountToken"]
    assert spec["enableServiceLinks"] is False, (
        "a service named `despoolr_...` must not become a setting"
    )
    for container in spec["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        assert {v["name"] for v in container["env"] if v["name"].startswith("DESPOOLR_")} <= set(
            VARIABLES
        )


def test_the_site_knows_every_logon_server_by_the_name_and_address_it_has() -> None:
    env = {v["name"]: v.get("value") for v in pod("StatefulSet", "site")["containers"][0]["env"]}
    known = [parse_named_server(text) for text in env["DESPOOLR_LOGON"].split()]
    replicas = objects()["StatefulSet", "logon"]["spec"]["replicas"]
    assert [(s.name, s.url) for s in known] == [
        (f"LOGON-{n}", f"http://logon-{n}.logon:8802") for n in range(replicas)
    ]


def test_the_fleets_are_as_many_clients_as_the_site_wants() -> None:
    job = objects()["Job", "clients"]["spec"]
    env = {v["name"]: v.get("value") for v in job["template"]["spec"]["containers"][0]["env"]}
    site = {v["name"]: v.get("value") for v in pod("StatefulSet", "site")["containers"][0]["env"]}
    assert job["completionMode"] == "Indexed" and job["completions"] == job["parallelism"]
    assert job["completions"] * int(env["DESPOOLR_CLIENTS"]) == int(site["DESPOOLR_CLIENTS_WANTED"])
    assert 12 in job["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"], (
        "a run without its clients is invalid"
    )
    ignored = [rule for rule in job["podFailurePolicy"]["rules"] if rule["action"] == "Ignore"]
    assert {"containerName": "fleet", "operator": "In", "values": [143]} in [
        rule.get("onExitCodes") for rule in ignored
    ]


PLACES = ("base", "overlays/scaled", "overlays/postgres", "load", "load-joined")


KUBECTL = shutil.which("kubectl")


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES if KUBECTL else ())
def test_kustomize_itself_renders_the_same(place: str) -> None:
    assert KUBECTL is not None
    done = subprocess.run(
        [KUBECTL, "kustomize", str(DIRECTORY / place)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert unordered(by_name(done.stdout)) == unordered(rendered(place))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("place", PLACES)
def test_what_a_cluster_would_get_fits_the_published_schema(place: str, version: str) -> None:
    for what in rendered(place).values():
        kubernetes_validate.validate(what, version, strict=True)


@pytest.mark.parametrize("place", PLACES)
def test_images_of_ours_have_the_version_of_the_project(place: str) -> None:
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    pods = [
        o["spec"]["template"]["spec"] for o in rendered(place).values() if "template" in o["spec"]
    ]
    images = {container["image"] for spec in pods for container in spec["containers"]}
    assert images, place
    assert {image for image in images if image.startswith("despoolr-")} <= {
        f"despoolr-server:{version}",
        f"despoolr-client:{version}",
    }
    assert not any(image.endswith(":latest") or ":" not in image for image in images)


def test_every_server_and_fleet_is_started_again_when_it_no_longer_answers() -> None:
    for what in PODS:
        probe = pod(*what)["containers"][0]["livenessProbe"]
        assert probe["httpGet"]["path"] == "/healthz", what


def test_a_server_that_cannot_do_its_work_is_sent_nobody_and_asking_it_starts_no_process() -> None:
    for what in PODS:
        if what[0] == "StatefulSet":
            container = pod(*what)["containers"][0]
            for probe in (container["startupProbe"], container["readinessProbe"]):
                assert probe["httpGet"]["path"] == "/ready" and "exec" not in probe, what


def test_the_small_site_has_as_many_clients_as_it_wants_and_one_time() -> None:
    small = rendered("overlays/scaled")
    job, site = small["Job", "clients"], variables(small["StatefulSet", "site"])
    wanted = int(site["DESPOOLR_CLIENTS_WANTED"])
    assert job["spec"]["completions"] * int(variables(job)["DESPOOLR_CLIENTS"]) == wanted == 100
    assert site["DESPOOLR_TIME"] == "x60"
    assert variables(small["StatefulSet", "logon"])["DESPOOLR_CLOCK"] == "http://site:8801"


def test_the_password_of_postgresql_is_in_a_secret_that_both_ends_read() -> None:
    objects = rendered("overlays/postgres")
    env = {
        name: {
            v["name"]: v
            for v in objects["StatefulSet", name]["spec"]["template"]["spec"]["containers"][0][
                "env"
            ]
        }
        for name in ("site", "postgres")
    }
    secret = {"secretKeyRef": {"name": "despoolr-database", "key": "password"}}
    assert (
        env["site"]["PGPASSWORD"]["valueFrom"]
        == env["postgres"]["POSTGRES_PASSWORD"]["valueFrom"]
        == secret
    )
    assert (
        "@postgres/" in env["site"]["DESPOOLR_DATABASE"]["value"]
        and ":" not in env["site"]["DESPOOLR_DATABASE"]["value"][13:]
    )


def test_a_load_is_tried_once_and_its_exit_code_stands() -> None:
    (load,) = rendered("load").values()
    assert (
        load["spec"]["backoffLimit"] == 0
        and load["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    )


def test_as_many_workers_join_a_load_as_it_waits_for_where_it_listens() -> None:
    found = rendered("load-joined")
    told = {
        name: found["Job", name]["spec"]["template"]["spec"]["containers"][0]["args"]
        for name in ("load", "load-workers")
    }
    workers, load = found["Job", "load-workers"]["spec"], told["load"]
    assert workers["completionMode"] == "Indexed" and workers["backoffLimit"] == 0
    count = int(load[load.index("--workers") + 1])
    assert workers["completions"] == workers["parallelism"] == count
    port = int(load[load.index("--workers-from") + 1].rpartition(":")[2])
    assert told["load-workers"] == ["load", "join", f"http://load:{port}"]
    service = found["Service", "load"]["spec"]
    assert service["ports"][0]["port"] == port
    labels = found["Job", "load"]["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()
