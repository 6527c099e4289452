"""What a run says that it waits for."""

from __future__ import annotations

from recovery.drp.facts import Kind
from recovery.drp.waits import waits
from tests.decisions.drp.steps import step
from tests.decisions.drp.test_engine import FAILED, begun, running, take


def test_what_failed_says_what_can_be_done_about_it_and_by_whom() -> None:
    book = running(step(Kind.NOTIFY))
    for _ in range(3):
        take(book, FAILED)
    assert "retry it, or somebody of role approver skips it." in waits(book.sight())[0].reason
    guard = running(step(Kind.FENCE_DATACENTER))
    begun(guard)
    for _ in range(3):
        take(guard, FAILED)
    assert "is never skipped: retry it, or abort the run." in waits(guard.sight())[0].reason
