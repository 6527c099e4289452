"""The only writers of runbooks, runs, steps, acts and approvals."""

from recovery.drp.actions.answers import answer, break_glass
from recovery.drp.actions.ledger import RowLedger
from recovery.drp.actions.lending import delegate, revoke_delegation
from recovery.drp.actions.presses import press
from recovery.drp.actions.pulse import count_pulse
from recovery.drp.actions.reports import add_finding, close_finding, write_report
from recovery.drp.actions.runbooks import (
    activate_runbook,
    withdraw_runbook,
    write_runbook,
)
from recovery.drp.actions.runs import prepare_run

__all__ = [
    "RowLedger",
    "activate_runbook",
    "add_finding",
    "answer",
    "break_glass",
    "close_finding",
    "count_pulse",
    "delegate",
    "prepare_run",
    "press",
    "revoke_delegation",
    "withdraw_runbook",
    "write_report",
    "write_runbook",
]
