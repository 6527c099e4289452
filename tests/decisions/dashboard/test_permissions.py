"""Role × action, exhaustively."""

from __future__ import annotations

import pytest

from dashboard.permissions import May, Role, may, require, strongest
from recovery.core.errors import Refused

WATCH = "VIEW READ_AUDIT"
RESPOND = f"{WATCH} ACKNOWLEDGE NOTE CORDON DRAIN LAB PAUSE RELEASE VOUCH"
RESPOND = f"{RESPOND} SWITCH_OVER VOUCH_DATABASE VOUCH_DATACENTER PROMOTE RESTORE"
RESPOND = f"{RESPOND} DECIDE RUN ANSWER ENROL WRITE_RUNBOOK"
APPROVE = f"{RESPOND} SETTLE REVIEW_RUNBOOK TAKE_EXPORT"
ALLOWED = {
    Role.VIEWER: WATCH,
    Role.RESPONDER: RESPOND,
    Role.APPROVER: APPROVE,
    Role.ADMIN: f"{APPROVE} MANAGE_PEOPLE BREAK_GLASS",
}


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("act", list(May))
def test_every_role_may_do_exactly_what_is_written_here(role: Role | None, act: May) -> None:
    expected = role is not None and act.name in ALLOWED[role].split()
    assert may(role, act) is expected


def test_a_refusal_names_who_may() -> None:
    with pytest.raises(Refused, match="responder, approver, admin"):
        require(Role.VIEWER, May.ACKNOWLEDGE)


def test_the_strongest_group_counts_and_unknown_groups_do_not() -> None:
    assert strongest(["viewer", "approver", "knitting"]) is Role.APPROVER
    assert strongest(["knitting"]) is None
