"""`make test-api`: schemathesis asks real servers everything that their OpenAPI description says,
and much that it does not.

A site server and a logon server run as one process, as `despoolr serve all` starts them. Each is
asked twice, as an administrator and as a client. Any server error, any status, header, type of
content or body that is not described, and any malformed request that is taken ends with exit code
1.

    python tests/api/run.py SCHEMATHESIS [--examples N]

What is left out, and why: `EXCLUDED` and `UNCHECKED`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from worlds.process import Workshop

HERE = Path(__file__).resolve().parent
SEED = 1996
EXAMPLES = 40
"""Fuzzed requests an operation, besides the examples and one for each constraint."""
EXCLUDED = {
    "POST /api/v1/hotfixes/{article}": "it changes for good what the site does; "
    "tests/unit/server/site/test_hotfixes.py asks it",
    "POST /api/v1/services/{component}/{action}": "it pauses the services, and a later request "
    "would find another site",
}
"""Operations that are not fuzzed."""

UNCHECKED = {
    "positive_data_acceptance": "a request that fits its schema may still name what is not there, "
    "or what somebody holds",
    "allow_header_conformance": "`Allow` names WebDAV's methods, for which OpenAPI 3.1 has "
    "no field",
    "ensure_resource_availability": "a lease may end, or an operator close, what was made "
    "a moment ago",
}
"""Checks that cannot hold here."""


def main() -> int:
    """0 if nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("schemathesis", type=Path)
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        where = Path(directory)
        workshop = Workshop(where)
        urls = start(workshop)
        try:
            with ThreadPoolExecutor(len(urls)) as pool:
                failed = [
                    what
                    for some in pool.map(
                        lambda server: both(asked, where, server, urls[server]), urls
                    )
                    for what in some
                ]
        finally:
            for process in workshop.processes:
                process.terminate()
        print(
            *(f"left out: {what}: {why}" for what, why in {**EXCLUDED, **UNCHECKED}.items()),
            sep="\n",
        )
    print(f"test-api: {', '.join(failed) or 'nothing'} found wanting")
    return 1 if failed else 0


def start(workshop: Workshop) -> dict[str, str]:
    """The two servers on free ports; their names and URLs."""
    said = workshop.start(
        "serve",
        "all",
        "--data",
        "data",
        "--listen",
        "127.0.0.1:0",
        "--listen-logon",
        "127.0.0.1:0",
        ready="despoolr: ready",
    ).said
    return {
        "LOGON1": re.findall(r"LOGON1 on (http\S+)", said)[0],
        "SITE1": re.findall(r"site BPC .* on (http[^,\s]+)", said)[0],
    }


def both(asked: argparse.Namespace, where: Path, server: str, url: str) -> list[str]:
    """One server as both roles, one after the other; what was found wanting."""
    failed = []
    for role in ("admin", "client"):
        done = run(asked, where, server, url, role)
        print(f"--- {server} as {role}\n{done.stdout}{done.stderr}", flush=True)
        if done.returncode:
            failed.append(f"{server} as {role}")
    return failed


def run(
    asked: argparse.Namespace, where: Path, server: str, url: str, role: str
) -> subprocess.CompletedProcess[str]:
    """One server as one role."""
    token = token_of(where, url, role)
    here = where / f"{server}-{role}"
    here.mkdir()
    if server == "LOGON1":
        put_back(url, "/SMS_SHR/INVENTRY.BOX", token_of(where, url, "admin"))
    (here / "real.json").write_text(json.dumps(prepare(url, token, server, role)))
    (here / "openapi.json").write_text(json.dumps(with_webdav(ask(url, "/openapi.json"))))
    (here / "schemathesis.toml").write_text(CONFIG)
    command = [str(asked.schemathesis.absolute()), "run", "openapi.json", "--url", url]
    command += [
        "--seed",
        str(SEED),
        "--max-examples",
        str(asked.examples),
        "--phases",
        "examples,coverage,fuzzing",
    ]
    command += [
        "--header",
        f"Authorization: Bearer {token}",
        "--exclude-checks",
        ",".join(UNCHECKED),
    ]
    command += [
        "--request-timeout",
        "30",
        "--continue-on-failure",
        "--warnings",
        "off",
        "--no-color",
    ]
    for operation in EXCLUDED:
        command += ["--exclude-name", operation]
    told = {
        "DESPOOLR_REAL": str(here / "real.json"),
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(HERE),
    }
    return subprocess.run(
        command, cwd=here, env={**os.environ, **told}, check=False, capture_output=True, text=True
    )


CONFIG = """\
# A malformed request may be refused for something else: who asks, and whether what it asks for is
# there at all, are looked at first.
[checks.negative_data_rejection]
expected-statuses = [
  "400", "401", "403", "404", "405", "406", "409", "410", "412", "413", "415", "416", "422", "423",
  "431",
]

# RFC 4918, 9.8.5 and 9.9.4: a destination on another server or share is 502, and no error of this
# one.
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "502"]

# An address that stands for one of WebDAV's methods has all the others, too.
[[operations]]
include-path-regex = "_by_"
checks.unsupported_method.enabled = false
"""


def token_of(where: Path, url: str, role: str) -> str:
    """The administrator's token, or a client's that it issued."""
    admin = next((where / "data").rglob("admin.token")).read_text("utf-8").strip()
    if role == "admin":
        return admin
    who = [{"machine": "PC07", "user": "anna", "role": role}]
    return str(ask(url, "/api/v1/tokens", "POST", who, admin)["tokens"][0])


WORDS = {
    "access": ["READ", "READ|WRITE", "DELETE", "READ_ATTRIBUTES", "WRITE"],
    "share_mode": ["READ", "NONE", "READ|WRITE|DELETE"],
    "disposition": ["OPEN", "OPEN_IF", "CREATE", "OVERWRITE", "SUPERSEDE"],
    "options": ["DELETE_ON_CLOSE", "DIRECTORY_FILE", ""],
    "attributes": ["READONLY", "NORMAL"],
    "flags": ["EXCLUSIVE|FAIL_IMMEDIATELY", "SHARED|FAIL_IMMEDIATELY", "UNLOCK"],
    "role": ["client", "service", "admin"],
    "rights": ["READ", "CHANGE", "FULL", "NONE"],
    "source": ["\\\\SITE1\\PKGSRC\\OFFICE"],
}
"""Words that bodies are made of, and that a schema of plain text cannot say."""


def put_back(url: str, directory: str, token: str) -> None:
    """A box that whoever asked before may have deleted, or made a file of."""
    headers = {"Authorization": f"Bearer {token}"}
    for method in ("MKCOL", "DELETE", "MKCOL"):
        try:
            with urlopen(
                Request(
                    f"{url}{directory}?parents=true" if method == "MKCOL" else url + directory,
                    None,
                    headers,
                    method=method,
                )
            ):
                if method == "MKCOL":
                    return
        except HTTPError:
            continue
    raise AssertionError(f"{directory} is neither there nor can it be made")


def prepare(url: str, token: str, server: str, role: str) -> dict[str, list[str]]:
    """Make a file, a session and a few handles, and say what is there."""
    shares = ask(url, "/api/v1/setup", token=token)["shares"]
    real: dict[str, list[str]] = {"share": shares, "session": [], "open": [], **WORDS}
    session = str(ask(url, "/api/v1/sessions", "POST", {"program": "EXCEL.EXE"}, token)["session"])
    real["session"].append(session)
    if server == "LOGON1":
        for number in range(6):
            path = f"INVENTRY.BOX/{role}{number}.txt"
            access = {
                "access": "READ|WRITE|DELETE",
                "share_mode": "READ|WRITE|DELETE",
                "disposition": "OPEN_IF",
            }
            body = {"session": session, "share": "SMS_SHR", "path": path, **access}
            real["open"].append(str(ask(url, "/api/v1/opens", "POST", body, token)["open"]))
        real["path"] = [
            "INVENTRY.BOX",
            f"INVENTRY.BOX/{role}1.txt",
            f"INVENTRY.BOX/{role}2.txt",
            "INVENTRY.BOX/new/x",
            "PCMINS.BOX",
        ]
    else:
        real["path"] = ["OFFICE", "OFFICE/setup.exe", "none/x"]
        real |= {"package": ["BPC00001", "OFFICE"], "job": ["BPC00001"], "name": ["PC07"]}
    return real


def with_webdav(document: dict[str, Any]) -> dict[str, Any]:
    """The description with each of WebDAV's methods as the POST of an address that is marked with
    it (see `hooks`).
    """
    for path, item in list(document["paths"].items()):
        for method, operation in item.pop("x-additionalOperations", {}).items():
            if "{" not in path:
                continue
            marked = re.sub(r"{(\w+)}", rf"{{\1_by_{method}}}", path)
            parameters = [
                {**p, "name": f"{p['name']}_by_{method}"} if p["in"] == "path" else p
                for p in operation.get("parameters", ())
            ]
            document["paths"][marked] = {"post": {**operation, "parameters": parameters}}
    return document


def ask(url: str, target: str, method: str = "GET", body: Any = None, token: str = "") -> Any:
    """One call that must succeed; its JSON."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url + target, data, headers, method=method), timeout=30) as answer:
        return json.loads(answer.read())


if __name__ == "__main__":
    sys.exit(main())
