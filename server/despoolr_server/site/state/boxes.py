r"""Where everything lies: the directories of `SITE.SRV` and `LOGON.SRV`, by the field's names.

Source: `domain.md` a.4 and a.5 (Q126644, Q169491, Q123221, Q140055, Q176517, Q189809). Paths are
relative to the share that holds them, with `/` between the parts: the SMS root (`SMS_SHRD`) on a
site server, `SMS_SHR` on a logon server.
"""

from __future__ import annotations

from typing import Final

ROOT_SHARE: Final = "SMS_SHRD"
SITE_SHARE: Final = "SMS_SITE"
LOGON_SHARE: Final = "SMS_SHR"
SOURCE_SHARE: Final = "PKGSRC"
PACKAGE_SHARE: Final = "SMS_PKGD"

# the site server
RECEIVE: Final = "SITE.SRV/DESPOOLR.BOX/RECEIVE"
STORE: Final = "SITE.SRV/DESPOOLR.BOX/STORE"
BAD_INSTRUCTIONS: Final = "SITE.SRV/DESPOOLR.BOX/BAD"
TOSEND: Final = "SITE.SRV/SENDER.BOX/TOSEND"
REQUESTS: Final = "SITE.SRV/SENDER.BOX/REQUESTS"
LAN_OUTBOX: Final = f"{REQUESTS}/LAN_DEFA.000"
DELTA_MIFS: Final = "SITE.SRV/DATALOAD.BOX/DELTAMIF.COL"
BAD_MIFS: Final = f"{DELTA_MIFS}/BADMIFS"
INVENTORY: Final = "SITE.SRV/INVENTRY.BOX"
SITE_REPORTS: Final = "SITE.SRV/SITEREP.BOX"
PCM_DOMAINS: Final = "SITE.SRV/MAINCFG.BOX/PCMDOM.BOX"
DISTRIBUTION_MANAGER: Final = "INBOXES/DISTMGR.BOX/INCOMING"
"""Where a 2.0 site's Despooler puts package status records (Q235805, Q319189)."""
BAD_PACKAGE_STATUS: Final = "INBOXES/DISTMGR.BOX/BAD"
REGISTRY: Final = "SMS.REG"

SITE_DIRECTORIES: Final = (
    RECEIVE,
    STORE,
    BAD_INSTRUCTIONS,
    TOSEND,
    LAN_OUTBOX,
    BAD_MIFS,
    INVENTORY,
    SITE_REPORTS,
    PCM_DOMAINS,
)
DISTRIBUTION_MANAGER_DIRECTORIES: Final = (DISTRIBUTION_MANAGER, BAD_PACKAGE_STATUS)
"""What a 2.0 site has as well."""

# a logon server
PCM_INSTRUCTIONS: Final = "PCMINS.BOX"
LOGON_DESPOOLER: Final = "DESPOOLR.BOX"
LOGON_INVENTORY: Final = "INVENTRY.BOX"
LOGON_ISV_MIFS: Final = "ISVMIF.BOX"

LOGON_DIRECTORIES: Final = (
    PCM_INSTRUCTIONS,
    LOGON_DESPOOLER,
    LOGON_INVENTORY,
    LOGON_ISV_MIFS,
    "CCR.BOX",
    "PCMPKG.SRC",
    "SMSID",
    "INVENCFG.BOX",
    "APPCTL.SRC",
)
"""What Setup makes below `LOGON.SRV`; rights differ per directory (Q189809)."""


def domain_directory(domain: str) -> str:
    """Where the master WINST files of a domain lie. The three letters after the dot are UNKNOWN
    (Q188042); ours are 000.
    """
    return f"{PCM_DOMAINS}/{domain}.000"
