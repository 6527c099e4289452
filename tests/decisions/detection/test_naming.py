"""Sentences for people hold names, never ids."""

from __future__ import annotations

from recovery.detection.facts import Evidence, VerdictChange
from recovery.detection.naming import in_names
from recovery.inventory.facts import Replace, Verdict

SEEN, GONE = "a" * 32, "b" * 32


def test_every_id_in_a_change_becomes_a_name_but_its_own() -> None:
    change = VerdictChange(
        host=SEEN,
        before=Verdict.SUSPECT,
        after=Verdict.LOST,
        reason=f"{SEEN} is silent",
        evidence=Evidence(
            supporting=(f"1 observer finds it silent ({GONE})",), witnesses=(GONE, "control-plane")
        ),
        replace=Replace.ALLOWED,
        replace_reason="within the limit",
    )
    (told,) = in_names([change], {SEEN: "par1-a1", GONE: "osu2-b2"})
    assert told.host == SEEN
    assert told.reason == "par1-a1 is silent"
    assert told.evidence.supporting == ("1 observer finds it silent (osu2-b2)",)
    assert told.evidence.witnesses == ("osu2-b2", "control-plane")


def test_an_id_that_nobody_knows_is_left_as_it_is() -> None:
    change = VerdictChange(
        SEEN, Verdict.ALIVE, Verdict.SUSPECT, f"{GONE}?", Evidence(), Replace.NONE, ""
    )
    assert in_names([change], {})[0].reason == f"{GONE}?"
