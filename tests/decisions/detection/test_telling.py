"""What a change of verdict is in words."""

from __future__ import annotations

from dataclasses import replace

from recovery.detection.facts import Evidence, VerdictChange
from recovery.detection.telling import tell_grant, tell_verdict
from recovery.inventory.facts import Replace, Verdict

LOST = VerdictChange(
    host="0" * 32,
    before=Verdict.SUSPECT,
    after=Verdict.LOST,
    reason="No heartbeat for 2.6 s; kernel and containers are silent to 5 observers.",
    evidence=Evidence(supporting=("5 observers find kernel and containers silent (a, b)",)),
    replace=Replace.ALLOWED,
    replace_reason="",
)


def test_a_loss_is_told_with_what_it_rests_on() -> None:
    line = tell_verdict("par1-a1", LOST)
    assert line is not None
    assert line.said == (
        "par1-a1 is lost: no heartbeat for 2.6 s; kernel and containers are silent to 5 observers"
    )
    assert line.why == "5 observers find kernel and containers silent (a, b)."
    assert line.tone == "down"


def test_a_return_is_told_without_alarm() -> None:
    line = tell_verdict("par1-a1", replace(LOST, after=Verdict.ALIVE, reason="Heartbeats again."))
    assert line is not None
    assert (line.said, line.why, line.tone) == ("par1-a1 answers again", "Heartbeats again.", "")


def test_suspicion_alone_is_no_story() -> None:
    assert tell_verdict("par1-a1", replace(LOST, after=Verdict.SUSPECT)) is None


def test_only_what_waits_or_is_paced_is_told_of_grants() -> None:
    assert tell_grant("par1-a1", LOST) is None
    held = tell_grant("par1-a1", replace(LOST, replace=Replace.HELD, replace_reason="A storm."))
    assert held is not None
    assert held.said == "The containers of par1-a1 wait for a person"
    assert held.why == "A storm."
