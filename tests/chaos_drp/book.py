"""The runbook of a round: every kind that needs nothing lost, with and without people's words."""

from __future__ import annotations

from tests.support.running import ROOT

NAME = "chaos"
STEPS = """
steps:
  - id: sees
    title: Does Tocsin see
    stage: activation
    owner: responder
    timeout: 5m
    retries: 5
    undo: Nothing is changed by it.
    do: {kind: check, that: tocsin_sees}

  - id: call
    title: Call the site
    stage: activation
    owner: responder
    timeout: 30m
    undo: Nothing is changed by it.
    do: {kind: manual, instructions: Call., evidence: Who said what.}

  - id: agree
    title: Do we do it
    stage: activation
    owner: responder
    timeout: 30m
    point_of_no_return: From here on people count on it.
    needs: [sees, call]
    approval: {role: approver, count: 2}
    do: {kind: approval, question: Do we do it?}

  - id: freeze
    title: Freeze what would interfere
    stage: activation
    owner: responder
    timeout: 5m
    point_of_no_return: So that it takes a signature.
    needs: [agree]
    approval: {role: approver, count: 1}
    do: {kind: freeze_automation, what: [retention, restore_tests]}

  - id: steady
    title: Wait until Tocsin sees for a while
    stage: recovery
    owner: responder
    timeout: 15m
    undo: Nothing is changed by it.
    needs: [freeze]
    do: {kind: wait_until, that: tocsin_sees, holds_for: 6s}

  - id: tell
    title: Tell the team
    stage: recovery
    owner: responder
    timeout: 5m
    point_of_no_return: Nobody forgets what they were told.
    needs: [freeze]
    approval: {role: approver, count: 2}
    do: {kind: notify, audience: team, message: The plan runs.}

  - id: look
    title: Look by hand
    stage: reconstitution
    owner: responder
    timeout: 30m
    undo: Nothing is changed by it.
    needs: [steady, tell]
    do: {kind: manual, instructions: Look., evidence: What you saw.}

  - id: over
    title: Tell that it is over
    stage: reconstitution
    owner: responder
    timeout: 5m
    undo: A second message takes it back.
    needs: [look]
    do: {kind: notify, audience: team, message: It is over.}
"""


def raw() -> str:
    """With the fields of a shipped one, so that it is whole."""
    head = (ROOT / "deploy" / "runbooks" / "evacuation.yaml").read_text().split("\nsteps:\n")[0]
    return head.replace("runbook: evacuation", f"runbook: {NAME}") + "\n" + STEPS
