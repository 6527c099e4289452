"""What `manage.py audit verify` says of its counts."""

from __future__ import annotations

import pytest

from dashboard.management.commands.audit import said
from recovery.audit.verify import Finding, Verified


@pytest.mark.parametrize(
    ("later", "waits"),
    [(1, "1 more is sealed and waits for its"), (3, "3 more are sealed and wait for their")],
)
def test_what_is_sealed_since_the_newest_checkpoint_waits_for_its_signature(
    later: int, waits: str
) -> None:
    report = Verified(proven=1055, sealed=1055 + later, checkpoints=9)
    assert said(report) == (
        f"1055 sealed entries are as they were signed, {waits} signature: nothing is wrong;"
        " 9 checkpoints, 0 witnesses; 0 entries are not sealed yet."
    )
    assert report.is_whole, "the command ends with 0"
    report.findings.append(Finding("Leaf 1055 is missing.", 1055))
    assert said(report).startswith(f"1055 of {1055 + later} sealed entries are as they were signed")
