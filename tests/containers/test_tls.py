"""The profile `tls`: a certificate of somebody's own, our commands with its CA, WebDAV through the
proxy.

The image of nginx is a stand-in made from Debian's package; what is proved is docker-compose.yml
and deploy/tls/nginx.conf.
"""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from worlds.docker import SCALE_S_MAX, Stack, stack, until
from worlds.support import REPOSITORY


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA, and what the proxy shows: the commands of docs/containers.md."""
    directory = tmp_path_factory.mktemp("tls")
    directory.chmod(0o755)
    for command in (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=despoolr-ca -keyout ca.key "
        "-out ca.pem",
        "openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key "
        "-out server.csr",
    ):
        subprocess.run(command.split(), cwd=directory, check=True, capture_output=True)
    (directory / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    sign = (
        "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
        "-extfile names -out server.pem"
    )
    subprocess.run(sign.split(), cwd=directory, check=True, capture_output=True)
    (directory / "server.key").chmod(0o644)
    return directory


@pytest.fixture(scope="module")
def here(client: docker.DockerClient, tag: str, certificates: Path) -> Iterator[Stack]:
    client.images.build(
        path=str(REPOSITORY / "tests/containers/standins"),
        dockerfile="nginx.Dockerfile",
        tag="despoolr-test-nginx",
        rm=True,
    )
    settings = {
        "DESPOOLR_TLS_IMAGE": "despoolr-test-nginx",
        "DESPOOLR_TLS_DIRECTORY": str(certificates),
        "DESPOOLR_CLIENTS": "5",
        **{f"DESPOOLR_TLS_{name}_PORT": "0" for name in ("SITE", "LOGON1", "LOGON2")},
    }
    with stack(client, tag, "tls", ("tls",), **settings) as made:
        made.up()
        yield made


def url(here: Stack, port: int) -> str:
    container = here.container("tls")
    container.reload()
    return f"https://localhost:{container.ports[f'{port}/tcp'][0]['HostPort']}"


def despoolr(here: Stack, *words: str, ca: Path | None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DESPOOLR_", "SSL_"))}
    environment |= {"DESPOOLR_TOKEN": here.token()} | ({"SSL_CERT_FILE": str(ca)} if ca else {})
    command = [str(Path(sys.executable).with_name("despoolr")), *words]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=120, check=False
    )


def test_commands_ask_through_tls_with_the_ca_they_were_given(
    here: Stack, certificates: Path
) -> None:
    logon = url(here, 8444)
    until(
        lambda: (
            despoolr(here, "health", "--url", logon, ca=certificates / "ca.pem").returncode == 0
        ),
        "healthy",
        SCALE_S_MAX,
    )
    done = despoolr(here, "jobs", "--url", url(here, 8443), "--json", ca=certificates / "ca.pem")
    assert done.returncode == 0, done.stderr


def test_without_the_ca_the_certificate_is_not_trusted_and_that_is_one_line(here: Stack) -> None:
    done = despoolr(here, "health", "--url", url(here, 8444), ca=None)
    assert done.returncode != 0
    assert "SSL_CERT_FILE" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_is_put_and_moved_by_its_https_address(here: Stack, certificates: Path) -> None:
    context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    address = url(here, 8444)

    def ask(method: str, path: str, data: bytes | None = None, **headers: str) -> int:
        headers = {"Authorization": f"Bearer {here.token()}"} | headers
        request = urllib.request.Request(address + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code

    assert ask("PUT", "/SMS_PKGD/one.dat", b"x" * 1_000_000) == 201
    assert ask("MOVE", "/SMS_PKGD/one.dat", Destination=f"{address}/SMS_PKGD/two.dat") == 201
    assert ask("GET", "/SMS_PKGD/two.dat") == 200
    assert ask("DELETE", "/SMS_PKGD/two.dat") == 204


def test_a_fleet_polls_through_tls(here: Stack, certificates: Path) -> None:
    site, logon = url(here, 8443), url(here, 8444)
    words = (
        "fleet",
        "--clients",
        "3",
        "--first",
        "90001",
        "--site",
        site,
        "--logon",
        f"LOGON1={logon}",
    )
    done = despoolr(
        here, *words, "--poll-every", "5s", "--for", "10s", "--json", ca=certificates / "ca.pem"
    )
    assert done.returncode == 0, done.stderr
    assert '"failed": 0' in done.stdout and '"clients": 3' in done.stdout
