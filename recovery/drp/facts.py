"""What a plan, a run and its steps are made of. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Mode(StrEnum):
    """How a runbook is executed; part of the digest, so that an approval of one is none of another.

    `simulation`: nothing is executed · `drill`: real steps on an isolated target · `planned`: on
    production, nothing is lost yet · `disaster`: on production, something is."""

    SIMULATION = "simulation"
    DRILL = "drill"
    PLANNED = "planned"
    DISASTER = "disaster"


class Stage(StrEnum):
    """NIST SP 800-34: what a step belongs to; a step never waits for one of a later stage."""

    ACTIVATION = "activation"
    RECOVERY = "recovery"
    RECONSTITUTION = "reconstitution"


STAGES = tuple(Stage)


class Kind(StrEnum):
    """What a step does."""

    CHECK = "check"
    MANUAL = "manual"
    APPROVAL = "approval"
    WAIT_UNTIL = "wait_until"
    NOTIFY = "notify"
    FREEZE_AUTOMATION = "freeze_automation"
    FENCE_DATACENTER = "fence_datacenter"
    LIFT_FENCE = "lift_fence"
    KEEP_COPIES = "keep_copies"
    EXPORT_COPIES = "export_copies"
    DISCARD_COPIES = "discard_copies"
    PROMOTE_DATABASES = "promote_databases"
    RESTORE_DATABASES = "restore_databases"
    PLACE_APPLICATIONS = "place_applications"
    SWITCH_TRAFFIC = "switch_traffic"
    VERIFY = "verify"
    WEBHOOK = "webhook"
    FOR_EACH = "for_each"


DANGEROUS = frozenset(
    {
        Kind.FENCE_DATACENTER,
        Kind.LIFT_FENCE,
        Kind.KEEP_COPIES,
        Kind.EXPORT_COPIES,
        Kind.DISCARD_COPIES,
        Kind.PROMOTE_DATABASES,
        Kind.RESTORE_DATABASES,
    }
)
"""Never begun without a passkey's signature, whatever the runbook says."""
LOOKS = frozenset({Kind.CHECK, Kind.WAIT_UNTIL, Kind.VERIFY})
"""They change nothing: what is not known is looked at again."""
PEOPLES = frozenset({Kind.MANUAL, Kind.APPROVAL})
"""Done by a person's word."""
UNSKIPPABLE = frozenset({Kind.FENCE_DATACENTER, Kind.FREEZE_AUTOMATION, Kind.APPROVAL})
"""What comes after them rests on them: never skipped, never gone on without."""


def called(mode: str) -> str:
    """After "a": a drill, a simulation, a disaster, a planned run."""
    return "planned run" if mode == Mode.PLANNED else mode


class OnFailure(StrEnum):
    """`ask`: the run pauses for a person · `abort`: it ends · `go_on`: the step stays failed, and
    what needs it goes on."""

    ASK = "ask"
    ABORT = "abort"
    GO_ON = "go_on"


class Factor(StrEnum):
    """How an approver proved to be there."""

    PASSKEY = "passkey"
    TOTP = "totp"


class RunState(StrEnum):
    """`prepared`: shown, nobody started it · `aborting`: nothing begins any more, what is on its
    way is waited for."""

    PREPARED = "prepared"
    RUNNING = "running"
    PAUSED = "paused"
    ABORTING = "aborting"
    DONE = "done"
    ABORTED = "aborted"


NAMED_MOVES: Mapping[tuple[RunState, RunState], str] = {
    (RunState.PREPARED, RunState.RUNNING): "start",
    (RunState.PREPARED, RunState.ABORTED): "withdraw",
    (RunState.RUNNING, RunState.PAUSED): "pause",
    (RunState.PAUSED, RunState.RUNNING): "resume",
    (RunState.RUNNING, RunState.ABORTING): "abort",
    (RunState.PAUSED, RunState.ABORTING): "abort",
    (RunState.RUNNING, RunState.DONE): "finish",
    (RunState.ABORTING, RunState.ABORTED): "come_to_rest",
}
MOVES: Mapping[str, frozenset[str]] = {
    state: frozenset(str(after) for before, after in NAMED_MOVES if before is state)
    for state in RunState
}
ENDED = frozenset({RunState.DONE, RunState.ABORTED})


class StepState(StrEnum):
    """`asking`: people are asked to approve · `begun`: its acts may be intended."""

    PENDING = "pending"
    ASKING = "asking"
    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


STEP_NAMED_MOVES: Mapping[tuple[StepState, StepState], str] = {
    (StepState.PENDING, StepState.ASKING): "ask",
    (StepState.PENDING, StepState.BEGUN): "begin",
    (StepState.ASKING, StepState.BEGUN): "begin",
    (StepState.ASKING, StepState.PENDING): "void",
    (StepState.BEGUN, StepState.DONE): "see_done",
    (StepState.BEGUN, StepState.FAILED): "see_failed",
    (StepState.FAILED, StepState.PENDING): "retry",
    (StepState.PENDING, StepState.SKIPPED): "skip",
    (StepState.ASKING, StepState.SKIPPED): "skip",
    (StepState.FAILED, StepState.SKIPPED): "skip",
}
STEP_MOVES: Mapping[str, frozenset[str]] = {
    state: frozenset(str(after) for before, after in STEP_NAMED_MOVES if before is state)
    for state in StepState
}
SETTLED = frozenset({StepState.DONE, StepState.SKIPPED})


class ActState(StrEnum):
    """One act of a step on one target, with its key (B8). `unknown`: nobody can tell whether it was
    done, and a person is asked."""

    INTENDED = "intended"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


ACT_NAMED_MOVES: Mapping[tuple[ActState, ActState], str] = {
    (ActState.INTENDED, ActState.DONE): "observe",
    (ActState.INTENDED, ActState.FAILED): "observe",
    (ActState.INTENDED, ActState.UNKNOWN): "lose_sight",
    (ActState.UNKNOWN, ActState.DONE): "hear_word",
    (ActState.UNKNOWN, ActState.FAILED): "hear_word",
}
ACT_MOVES: Mapping[str, frozenset[str]] = {
    state: frozenset(str(after) for before, after in ACT_NAMED_MOVES if before is state)
    for state in ActState
}
"""A retry is a new act with a new key: what ended is never done again under the same one."""
