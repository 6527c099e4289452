"""What must hold after a run; each check names its faults in sentences."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from subprocess import CalledProcessError

import msgspec

from recovery.core.consent import Assertion
from recovery.core.mandate import Mandate, Yes, refuse_mandate
from tests.chaos.checks import audit_gaps, epochs
from tests.chaos_drp.ground import APPROVERS, Ground
from tests.chaos_drp.people import People

RUN = "SELECT id::text, state, state_reason, plan FROM drp_run WHERE number = %s"
STEPS = """
SELECT s.name, s.state, s.said, s.round FROM drp_runstep s JOIN drp_run r ON r.id = s.run_id
WHERE r.number = %s ORDER BY s.position
"""
ACTS = """
SELECT s.name, a.key, a.target, a.state FROM drp_act a JOIN drp_runstep s ON s.id = a.step_id
JOIN drp_run r ON r.id = s.run_id WHERE r.number = %s
"""
WORDS = """
SELECT a.id::text, s.name, s.round, q.nonce, a.approver, a.principal, a.is_yes, a.proof, u.round
FROM drp_approval a JOIN drp_ask q ON q.id = a.ask_id JOIN drp_runstep s ON s.id = q.step_id
JOIN drp_run r ON r.id = s.run_id LEFT JOIN drp_approvaluse u ON u.approval_id = a.id
WHERE r.number = %s
"""
BEHIND = "SELECT a.approver, q.id::text FROM drp_approval a JOIN drp_ask q ON q.id = a.ask_id"


def faults(ground: Ground, people: People) -> list[str]:
    """Everything that its rows tell to be wrong now that the run should be over."""
    number = people.number
    return [
        *ended(ground, number),
        *done_once(ground, number),
        *approvals(ground, people),
        *mandates(ground, number),
        *audit_gaps(ground.stack),
        *epochs(ground.stack),
    ]


def ended(ground: Ground, number: int) -> list[str]:
    """It is done, and so is each step."""
    ((_, state, why, _),) = ground.stack.rows(RUN, number)
    said = [] if state == "done" else [f"the run is {state}: {why}"]
    steps = ground.stack.rows(STEPS, number)
    open_ = [(name, state, told) for name, state, told, _ in steps if state != "done"]
    return said + [f"{name} is {state}: {told}" for name, state, told in open_]


def done_once(ground: Ground, number: int) -> list[str]:
    """The effects against the intents: a message and a freeze for each act that was done, and none
    that nobody intended; of each step and target one act was done."""
    acts = ground.stack.rows(ACTS, number)
    done = Counter((step, target) for step, _, target, state in acts if state == "done")
    said = [f"{step} was done {n} times on {target}" for (step, target), n in done.items() if n > 1]
    said += [f"{step}: {key} is {state}" for step, key, _, state in acts if state == "intended"]
    ((_, _, _, plan),) = ground.stack.rows(RUN, number)
    kinds = {step["id"]: step["kind"] for step in json.loads(plan)["steps"]}
    intents = {key: (step, state) for step, key, _, state in acts}
    names = {f"drp:{hashlib.sha256(key.encode()).hexdigest()}": key for key in intents}
    raised = Counter(
        key for (key,) in ground.stack.rows("SELECT key FROM alarms_alarm WHERE key LIKE 'drp:%%'")
    )
    for name, key in names.items():
        step, state = intents[key]
        wanted = int(kinds[step] == "notify" and state == "done")
        if raised[name] != wanted:
            said.append(f"{step}: {raised[name]} messages for an act that is {state}")
    freezes = Counter(key for (key,) in ground.stack.rows("SELECT key FROM detection_freeze"))
    for key, (step, state) in intents.items():
        if kinds[step] == "freeze_automation" and freezes[key] != int(state == "done"):
            said.append(f"{freezes[key]} freezes for an act that is {state}")
    return said


def approvals(ground: Ground, people: People) -> list[str]:
    """Each yes that a page took is there, and none that no passkey gave."""
    there = set(ground.stack.rows(BEHIND))
    lost = [f"the yes of {who} to {ask} was taken and is lost" for who, ask in people.taken - there]
    ours = {
        (who, ask)
        for who, ask in there
        if ask in {ask for _, ask in people.sent} or who not in APPROVERS
    }
    return lost + [f"{who} never said yes to {ask}" for who, ask in ours - people.sent]


def mandates(ground: Ground, number: int) -> list[str]:
    """Each step that takes a signature rests on enough, by the keys that this process made."""
    ((run, _, _, plan),) = ground.stack.rows(RUN, number)
    rounds = {name: turn for name, _, _, turn in ground.stack.rows(STEPS, number)}
    words = ground.stack.rows(WORDS, number)
    said = []
    for step in json.loads(plan)["steps"]:
        idle = not step["waves"] and step["kind"] not in {"approval", "fence_datacenter"}
        if step["approval"] is None or idle:
            continue  # what does nothing asks nobody: `PlannedStep.is_idle`
        name = step["id"]
        yeses = tuple(
            Yes(who, nonce, msgspec.json.decode(proof, type=Assertion))
            for _, of, _, nonce, who, _, is_yes, proof, used in words
            if of == name and is_yes and used == rounds[name]
        )
        why = refuse_mandate(Mandate(plan, run, name, yeses), ground.pins, ground.party)
        said += [f"{name} began without enough people: {why}"] if why else []
        strangers = {who for _, of, _, _, who, *_ in words if of == name} - set(APPROVERS)
        said += [f"{who} answered {name}" for who in strangers]
    return said


def sealed(ground: Ground) -> list[str]:
    """The log is what was sealed and signed."""
    try:
        ground.stack.manage("audit", "verify")
    except CalledProcessError as error:
        return [f"the audit log does not verify: {(error.stdout + error.stderr).strip()[-500:]}"]
    return []
