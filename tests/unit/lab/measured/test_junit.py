"""JUnit XML: one case a check, counted once, and XML whatever things are called."""

from __future__ import annotations

from xml.etree import ElementTree

from despoolr_lab.measured.junit import Check, CheckResult, junit

CHECKS = (
    Check("a"),
    Check("b", CheckResult.FAILURE, ("too many", "too late")),
    Check("c", CheckResult.ERROR, ("nobody asked",)),
    Check("d", CheckResult.SKIPPED),
)


def test_each_check_is_one_case_and_counts_once_however_many_reasons_it_has() -> None:
    suite = ElementTree.fromstring(junit("suite", "class", 1.25, CHECKS))
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    assert suite.get("time") == "1.2"
    told = {case.get("name"): [(one.tag, one.get("message")) for one in case] for case in suite}
    assert told == {
        "a": [],
        "b": [("failure", "too many"), ("failure", "too late")],
        "c": [("error", "nobody asked")],
        "d": [("skipped", "")],
    }


def test_names_with_control_characters_are_escaped_in_every_attribute() -> None:
    bad = "a\x01\x1b[2J\ud800\uffff\n<&>"
    suite = ElementTree.fromstring(junit(bad, bad, 0.0, [Check(bad, CheckResult.FAILURE, (bad,))]))
    shown = "a\\x01\\x1b[2J\\ud800\\uffff\\x0a<&>"
    assert suite.get("name") == suite[0].get("name") == suite[0].get("classname") == shown
    assert suite[0][0].get("message") == shown
