"""The variables that commands read: `DESPOOLR_*`, and what each one says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from despoolr_app.process.settings import ConfigError
from despoolr_core.suggest import hint, nearest

VARIABLES: Final[dict[str, str]] = {
    "DESPOOLR_LISTEN": "host:port a server listens on",
    "DESPOOLR_LISTEN_LOGON": "host:port of the logon server of `serve all`",
    "DESPOOLR_ALLOW_FAULTS": "1: an administrator may break a server (`despoolr fault`)",
    "DESPOOLR_FAST_LANE": "0: every request goes through aiohttp's own parser and tasks",
    "DESPOOLR_ALLOW_HOST": "names a server may be addressed by without a Bearer token, "
    "separated by spaces",
    "DESPOOLR_DATA": "directory of shares, site database, logs, records and secret",
    "DESPOOLR_NAME": "machine name of the server",
    "DESPOOLR_CODE": "site code, three letters or digits",
    "DESPOOLR_DOMAIN": "domain of the site's machines",
    "DESPOOLR_VERSION": "SMS version whose behaviour the site has, such as 1.2",
    "DESPOOLR_RESPONSE": "Response setting: Very Fast, Fast, Medium or Slow",
    "DESPOOLR_SET": "behaviours of the profile: field=value, separated by spaces",
    "DESPOOLR_TIME": "real, or xN for N site seconds a second",
    "DESPOOLR_CLOCK": "URL of a running server whose time to take over",
    "DESPOOLR_SECRET": "the secret all servers of a site share, at least 16 bytes",
    "DESPOOLR_SECRET_FILE": "a file with that secret",
    "DESPOOLR_COMMON": "a directory all processes of a stack have in common: secrets, and when "
    "its time began",
    "DESPOOLR_DATABASE": "URL of the site database, where it is not a file in the data directory",
    "DESPOOLR_TOKEN": "a token, for the commands that ask a running site",
    "DESPOOLR_URL": "URLs of running servers, for the commands that ask, separated by spaces",
    "DESPOOLR_LOGON": "logon servers of the site: NAME=URL[,distribution], separated by spaces",
    "DESPOOLR_NETWARE": "names of the site's servers that are NetWare's, separated by spaces",
    "DESPOOLR_PARENT": "the site above this one: SITE=SERVER=URL",
    "DESPOOLR_AT_SITE": "code of the site that the administrating commands ask",
    "DESPOOLR_LOG_FORMAT": "how a process tells what happens: plain, text or json; and the layout "
    "of a site's log files",
    "DESPOOLR_ADDRESS": "other sites: SITE=SERVER=URL, separated by spaces",
    "DESPOOLR_ROLES": "what `serve logon` is: logon, distribution or both",
    "DESPOOLR_PACKAGE_SHARE": "the share packages lie on, of `serve logon`",
    "DESPOOLR_CLIENTS": "how many clients to run",
    "DESPOOLR_CLIENTS_WANTED": "how many clients all fleets of the site are to be together; 0: as "
    "many as they lease",
    "DESPOOLR_FLEET_LEASE": "how long a silent fleet's clients stay its own, in real time, "
    "such as 30s",
    "DESPOOLR_LEASE": "1: a fleet leases its clients' numbers from the site server",
    "DESPOOLR_HOLDER": "the name a fleet leases under; its host's name, if left out",
    "DESPOOLR_SEED": "seed of the clients' choices",
    "DESPOOLR_PREFIX": "what the clients' names begin with",
    "DESPOOLR_POLL_EVERY": "the clients' polling interval in site time, such as 1h",
    "DESPOOLR_SITE": "URL of the site server, for `fleet`",
    "DESPOOLR_RUNS": "directory of finished runs",
    "DESPOOLR_DEBUG": "1: show tracebacks",
}
"""Every variable any command reads."""

STACK_VARIABLES: Final = frozenset(
    f"DESPOOLR_{name}"
    for name in (
        *(
            "ENV_FILE",
            "PARENT_VERSION",
            "BASE",
            "TAG",
            "POSTGRES_IMAGE",
            "PROMETHEUS_IMAGE",
            "GRAFANA_IMAGE",
            "TLS_IMAGE",
        ),
        *(
            "SITE_PORT",
            "LOGON1_PORT",
            "LOGON2_PORT",
            "PARENT_PORT",
            "PROMETHEUS_PORT",
            "GRAFANA_PORT",
        ),
        *("TLS_SITE_PORT", "TLS_LOGON1_PORT", "TLS_LOGON2_PORT", "TLS_DIRECTORY"),
        *("SERVER_MEMORY", "CLIENTS_MEMORY", "LOAD_MEMORY", "PROMETHEUS_MEMORY", "GRAFANA_MEMORY"),
    )
)
"""Those that only `docker-compose.yml` reads: every container is given the whole file of
settings.
"""


def check_variables(environment: Mapping[str, str]) -> None:
    """Raises `ConfigError` for a `DESPOOLR_*` variable that nobody reads, with the nearest right
    one.
    """
    known = [*VARIABLES, *sorted(STACK_VARIABLES)]
    for name in sorted(environment):
        if name.startswith("DESPOOLR_") and name not in known:
            near = nearest(name, known)
            raise ConfigError(f"{name} is no setting of Despoolr{hint(near)}")
