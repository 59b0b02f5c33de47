"""The words of the format: keywords, their aliases, and which block may stand in which (IBM table
2).
"""

from __future__ import annotations

from typing import Final

BLOCK_KINDS: Final = ("COMPONENT", "PATH", "ENUM", "GROUP", "ATTRIBUTE", "TABLE")
BLOCK_WORDS: Final[dict[str, str]] = {
    **{kind: kind for kind in BLOCK_KINDS},
    "PATHS": "PATH",
    "ENUMERATION": "ENUM",
}
"""Words after START and END; the aliases are seen in IBM 040, 131 and os2tk45__names."""

OS_KEYWORDS: Final = frozenset({"DOS", "MACOS", "OS2", "UNIX", "WIN16", "WIN32", "WIN9X", "WINNT"})
LITERAL_KEYWORDS: Final = frozenset({"NAME", "DESCRIPTION", "CLASS", "PRAGMA", "LANGUAGE"})
STATEMENTS: Final = (
    LITERAL_KEYWORDS | OS_KEYWORDS | {"ID", "KEY", "TYPE", "ACCESS", "STORAGE", "VALUE"}
)
ACCESS_WORDS: Final = frozenset({"READ-ONLY", "READ-WRITE", "WRITE-ONLY"})
STORAGE_WORDS: Final = frozenset({"COMMON", "SPECIFIC"})
TYPE_KINDS: Final[dict[str, str]] = {
    "INTEGER": "INTEGER",
    "INT": "INTEGER",
    "INTEGER64": "INTEGER64",
    "INT64": "INTEGER64",
    "COUNTER": "COUNTER",
    "COUNTER64": "COUNTER64",
    "GAUGE": "GAUGE",
    "DATE": "DATE",
    "STRING": "STRING",
    "DISPLAYSTRING": "STRING",
    "OCTETSTRING": "OCTETSTRING",
}
"""Type words and what they mean. OPAQUE is in no source: an unknown word (`mif.md` section 4)."""

STRING_KINDS: Final = frozenset({"STRING", "OCTETSTRING"})
CHILDREN: Final[dict[str, frozenset[str]]] = {
    "COMPONENT": frozenset({"PATH", "ENUM", "GROUP", "TABLE"}),
    "GROUP": frozenset({"ATTRIBUTE"}),
}
"""Which blocks may stand in which. An inline enumeration is part of a TYPE statement."""
