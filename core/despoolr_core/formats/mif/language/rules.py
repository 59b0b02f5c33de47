"""Every rule a MIF can break: how bad it is for DMI, for a forgiving reader and for SMS, and who
says so.

Law: readers and checks say only *which* rule is broken and where; this table alone decides what
follows. None means the rule does not exist for that reader. From ERROR on the file is refused. Tags
of sources as in `mif.md` section 0.
"""

from __future__ import annotations

from typing import Final

import msgspec

from despoolr_core.formats.mif.language.findings import Mode, Severity

_I, _W, _E, _F = Severity.INFO, Severity.WARNING, Severity.ERROR, Severity.FATAL
_N: Final = None


class Rule(msgspec.Struct, frozen=True):
    """One row: the severity in each mode, and the source."""

    strict: Severity | None
    lenient: Severity | None
    sms: Severity | None
    source: str

    def severity(self, mode: Mode) -> Severity | None:
        """What breaking the rule means in a mode."""
        return (
            self.strict
            if mode is Mode.STRICT
            else self.lenient
            if mode is Mode.LENIENT
            else self.sms
        )


RULES: Final[dict[str, Rule]] = {
    # bytes and characters
    "encoding": Rule(_E, _W, _E, "IBM 018; BORES 7B; MS NOIDMIF (must be ANSI)"),
    "unicode": Rule(_I, _I, _E, "IBM 018; BORES 7B"),
    "undecodable": Rule(_F, _F, _F, "IBM, CA: two bytes a character"),
    "illegal-character": Rule(_E, _E, _E, "REF"),
    "comment-octet": Rule(_W, _W, _N, "REF"),
    "after-end-of-file": Rule(_I, _I, _I, "REF: 0x1A ends the file"),
    # literals
    "literal-unterminated": Rule(_F, _F, _F, "REF"),
    "literal-newline": Rule(_E, _W, _W, "REF; what SMS does is unknown"),
    "literal-octet": Rule(_E, _W, _N, "REF: only 20-7E and A0-FF"),
    "literal-length": Rule(_W, _W, _N, "REF, IBM: at most 508 bytes"),
    "escape": Rule(_E, _W, _E, "IBM 016; REF"),
    "octal": Rule(_I, _I, _I, "REF reads octal reliably only with a leading 0"),
    "unquoted": Rule(_E, _W, _E, "IBM 016; seen from NAV and VB Setup kit"),
    # structure
    "syntax": Rule(_E, _E, _E, "REF"),
    "unknown-statement": Rule(_E, _W, _E, "REF"),
    "end-mismatch": Rule(_E, _E, _E, "REF"),
    "unclosed": Rule(_E, _E, _E, "REF"),
    "unclosed-component": Rule(_E, _W, _E, "REF; missing in Microsoft's own IDMIF sample"),
    "no-component": Rule(_E, _E, _E, "IBM 017"),
    "trailing-text": Rule(_E, _E, _E, "IBM, CA, REF: one component a file"),
    "misplaced": Rule(_E, _E, _E, "IBM 020-022, 026; REF"),
    "duplicate-statement": Rule(_E, _E, _E, "REF"),
    "order": Rule(
        _W, _W, _N, "REF: NAME, ID, CLASS first, TYPE before VALUE; IBM allows any order"
    ),
    "language-form": Rule(_E, _W, _N, "IBM 018"),
    # names, ids, classes, keys
    "name-missing": Rule(_E, _E, _E, "IBM 020; REF"),
    "name-length": Rule(_E, _E, _E, "IBM 020; REF (256); SDK (255)"),
    "name-duplicate": Rule(_E, _E, _E, "IBM 020, 025; REF"),
    "id-missing": Rule(_E, _E, _E, "IBM 022"),
    "id-zero": Rule(_E, _E, _W, "IBM 022; SDK, whose own sample has an id 0"),
    "id-range": Rule(_E, _E, _E, "IBM 022"),
    "id-duplicate": Rule(_E, _E, _E, "IBM 022, 027, 036; REF"),
    "component-empty": Rule(_E, _E, _E, "IBM 017; REF"),
    "component-id": Rule(_W, _W, _N, "REF; IBM 037; HP"),
    "group-empty": Rule(_E, _E, _E, "IBM 031; REF"),
    "group-kind": Rule(_E, _E, _E, "IBM table 4; REF"),
    "class-missing": Rule(_E, _E, _E, "IBM 028; REF"),
    "class-form": Rule(_I, _I, _N, "IBM 028; REF"),
    "class-template": Rule(_E, _E, _E, "REF"),
    "class-definition": Rule(_W, _W, _N, "IBM 028 (severity unknown)"),
    "key-unknown": Rule(_E, _E, _E, "IBM 029; REF"),
    "key-duplicate": Rule(_E, _E, _E, "IBM 029; REF"),
    "template-unused": Rule(_I, _I, _N, "REF"),
    "pragma-form": Rule(_I, _I, _N, "IBM 030"),
    "path-empty": Rule(_E, _E, _N, "IBM 025"),
    # types and values
    "type-missing": Rule(_E, _E, _E, "IBM 032"),
    "size-missing": Rule(_E, _W, _N, "REF"),
    "overlong": Rule(_E, _W, _W, "REF; SMS cuts without a word (BORES 7B)"),
    "value-missing": Rule(_W, _W, _N, "IBM 035"),
    "value-type": Rule(_E, _E, _E, "IBM 035; REF; Q192497"),
    "value-range": Rule(_E, _W, _W, "IBM 015; BORES 7B: 32 bits"),
    "write-only-value": Rule(_E, _E, _N, "IBM 035"),
    "date-form": Rule(_E, _W, _W, "IBM 015; REF; MIFCHECK passes other forms (Q192497)"),
    "enum-empty": Rule(_E, _E, _E, "IBM 026; REF"),
    "enum-number": Rule(_E, _E, _E, "IBM 026; REF"),
    "enum-type": Rule(_E, _E, _E, "IBM 026; REF"),
    "enum-inline-name": Rule(_I, _I, _I, "IBM 032"),
    "enum-member": Rule(_E, _E, _E, "REF; IBM 035"),
    "undefined-enum": Rule(_E, _E, _E, "IBM 032; REF: defined before it is used"),
    "undefined-path": Rule(_E, _E, _N, "IBM 035; REF: defined before it is used"),
    # tables
    "undefined-template": Rule(_E, _E, _E, "IBM 036; REF: defined before it is used"),
    "row-none": Rule(_E, _E, _E, "REF"),
    "row-short": Rule(_E, _W, _W, "REF; IBM 036 adds the commas"),
    "row-long": Rule(_E, _E, _E, "IBM 036; REF"),
    "row-default": Rule(_E, _E, _E, "IBM 036; REF"),
    "row-key": Rule(_E, _E, _W, "IBM 036; in SMS the last one wins (BORES)"),
    "row-mixed": Rule(_W, _W, _N, "REF"),
    # SMS's dialect
    "sms-version": Rule(_N, _N, _E, "BORES 7B: DMI 2.0 syntax is not supported"),
    "sms-alias": Rule(_N, _N, _W, "unknown to SMS's documents"),
    "sms-ignored": Rule(_N, _N, _I, "BORES 7B: parsed and ignored"),
    "sms-cut": Rule(_N, _N, _W, "BORES 7B: stored values are cut at 255 characters"),
    "sms-nul": Rule(_N, _N, _W, "BORES 7B: \\0 cuts the string"),
    "sms-quote": Rule(_N, _N, _E, "Q160776: Compilation failed"),
    "sms-quote-status": Rule(_N, _N, _W, "Q140810: not loaded by 1.1, fixed in 1.2"),
    "sms-name-blank": Rule(_N, _N, _E, "Q160776: Compilation failed"),
    "sms-name-apostrophe": Rule(_N, _N, _W, "Q176544: queries break"),
    "sms-year": Rule(_N, _N, _E, "BORES 7B; Q239534: 1980 to 2030 (2035 with the hotfix)"),
    "sms-initialiser": Rule(
        _N, _N, _E, "BORES 7B: a row's string longer than its default is refused"
    ),
    "sms-initialiser-declared": Rule(
        _N, _N, _W, "BORES 7B does not say whether a declared length lifts this"
    ),
    "sms-pragma": Rule(_N, _N, _I, "BORES 7B; RG2 10016: honoured only in .nhm files"),
    # the kinds of SMS MIF
    "kind-size": Rule(_N, _N, _E, "Q122178; Q202078; Q198766; MS"),
    "kind-size-warning": Rule(_N, _N, _W, "Q202078; MS"),
    "kind-groups": Rule(
        _N,
        _N,
        _E,
        "BORES 7B; SDK 3i0p: Identification and Architecture both, or neither; one of each",
    ),
    "kind-architecture": Rule(_N, _N, _E, "Q202078"),
    "kind-header": Rule(_N, _N, _E, "RG2 06004; cc180804"),
    "kind-header-spelling": Rule(_N, _N, _W, "cc180804: spelled exactly; Q202078 has a blank"),
    "kind-identification": Rule(_N, _N, _I, "SDK 60qf: needed to be shown in the Sites window"),
    "kind-status": Rule(_N, _N, _E, "BORES 7E; Q166833; Q190135"),
    "kind-description": Rule(_N, _N, _I, "Q169491: despooler error cb"),
}
