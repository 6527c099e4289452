"""Runbooks, runs, what people said, and what was done. Second locks stand in the migrations."""

from __future__ import annotations

from django.db import models

from recovery.brief.models import Decision
from recovery.core.guarded import Guarded
from recovery.drp.approvals.facts import ASK_MOVES, AskState, spoken_rules
from recovery.drp.drills import models as drills  # noqa: F401 - Django finds them from here
from recovery.drp.facts import (
    ACT_MOVES,
    MOVES,
    STEP_MOVES,
    ActState,
    Factor,
    Mode,
    RunState,
    StepState,
)
from recovery.drp.journal import Call, Effect  # noqa: F401 - tables of this room, too
from recovery.drp.reports import models as reports  # noqa: F401 - Django finds them from here
from recovery.drp.runbooks.states import RUNBOOK_MOVES, RunbookState
from recovery.inventory.models.places import choices


class RunbookVersion(Guarded):
    """A runbook as it was written. `raw` never changes: a correction is another version."""

    TYPE = "runbook"
    MOVES = RUNBOOK_MOVES

    name = models.CharField(max_length=40)
    number = models.IntegerField()
    raw = models.TextField()
    digest = models.CharField(max_length=64)
    state = models.CharField(
        max_length=8, choices=choices(RunbookState), default=RunbookState.DRAFT
    )
    written_by = models.CharField(max_length=120)
    written_at = models.DateTimeField()
    activated_by = models.CharField(max_length=120, blank=True)
    activated_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("name", "-number")
        constraints = [
            models.UniqueConstraint(fields=["name", "number"], name="runbook_version_once"),
            models.UniqueConstraint(
                fields=["name"],
                condition=models.Q(state=RunbookState.ACTIVE),
                name="one_active_version_per_runbook",
            ),
            models.CheckConstraint(
                condition=models.Q(state=RunbookState.DRAFT)
                | (~models.Q(activated_by="") & ~models.Q(activated_by=models.F("written_by")))
                | models.Q(state=RunbookState.RETIRED, activated_by=""),
                name="a_runbook_is_made_active_by_another_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} version {self.number}"


class Run(Guarded):
    """One execution. `plan`: its canonical bytes, `digest`: of them; both as people saw them.

    `incarnation`: of the rows at its start; `override`: who put their name to a stale runbook, or
    to what its plan leaves; `decision`: the frozen one that it follows."""

    TYPE = "drp run"
    MOVES = MOVES

    number = models.BigIntegerField(unique=True)
    runbook = models.ForeignKey(RunbookVersion, models.PROTECT, related_name="runs")
    mode = models.CharField(max_length=10, choices=choices(Mode))
    lost = models.CharField(max_length=80)
    into = models.CharField(max_length=80)
    plan = models.TextField()
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=choices(RunState), default=RunState.PREPARED)
    state_at = models.DateTimeField()
    state_reason = models.TextField(blank=True)
    requested_by = models.CharField(max_length=120)
    requested_at = models.DateTimeField()
    request_reason = models.TextField()
    last_editor = models.CharField(max_length=120)
    incarnation = models.BigIntegerField()
    override = models.TextField(blank=True)
    decision = models.ForeignKey(Decision, models.PROTECT, null=True, related_name="runs")
    started_by = models.CharField(max_length=120, blank=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-number",)
        constraints = [
            models.UniqueConstraint(
                fields=["lost"],
                condition=models.Q(state__in=["running", "paused", "aborting"])
                & ~models.Q(mode__in=["drill", "simulation"]),
                name="one_run_at_a_time_per_datacenter",
            ),
            models.UniqueConstraint(
                fields=["lost"],
                condition=models.Q(state__in=["running", "paused", "aborting"], mode="drill"),
                name="one_drill_at_a_time_per_datacenter",
            ),
        ]

    def __str__(self) -> str:
        return f"DRP-{self.number:04d}"


class RunPulse(models.Model):
    """Seconds that the leaders have counted on their own monotonic clocks while it was not over:
    no step of a wall clock moves it. Overwritten; only ever makes an approval older."""

    run = models.OneToOneField(Run, models.CASCADE, primary_key=True, related_name="pulse")
    seconds = models.FloatField(default=0.0)


class RunStep(Guarded):
    """One step of a run. `round`: how often people let it begin anew."""

    TYPE = "drp step"
    MOVES = STEP_MOVES

    run = models.ForeignKey(Run, models.PROTECT, related_name="steps")
    name = models.CharField(max_length=40)
    position = models.IntegerField()
    state = models.CharField(max_length=8, choices=choices(StepState), default=StepState.PENDING)
    state_at = models.DateTimeField()
    round = models.IntegerField(default=1)
    said = models.TextField(blank=True)

    class Meta:
        ordering = ("position",)
        constraints = [models.UniqueConstraint(fields=["run", "name"], name="drp_step_once")]

    def __str__(self) -> str:
        return f"{self.run} {self.name}"


class Act(Guarded):
    """One act on one target, before it is done. `epoch`: to which it brought its target."""

    TYPE = "drp act"
    MOVES = ACT_MOVES

    step = models.ForeignKey(RunStep, models.PROTECT, related_name="acts")
    key = models.CharField(max_length=240, unique=True)
    target = models.CharField(max_length=120)
    target_name = models.CharField(max_length=200)
    number = models.IntegerField()
    round = models.IntegerField()
    state = models.CharField(max_length=8, choices=choices(ActState), default=ActState.INTENDED)
    intended_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    said = models.TextField(blank=True)
    by_word = models.CharField(max_length=120, blank=True)
    epoch = models.BigIntegerField(default=0)

    class Meta:
        ordering = ("step", "target", "number")
        constraints = [
            models.UniqueConstraint(fields=["step", "target", "number"], name="drp_act_once"),
            models.UniqueConstraint(
                fields=["step", "target"],
                condition=models.Q(state__in=["intended", "unknown", "done"]),
                name="one_act_of_a_target_counts",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Ask(Guarded):
    """The question to approve one round of one step. `pulse`: the run's when it was asked."""

    TYPE = "drp question"
    MOVES = ASK_MOVES

    step = models.ForeignKey(RunStep, models.PROTECT, related_name="asks")
    round = models.IntegerField()
    nonce = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=8, choices=choices(AskState), default=AskState.OPEN)
    asked_at = models.DateTimeField()
    pulse = models.FloatField()
    end_reason = models.TextField(blank=True)

    class Meta:
        ordering = ("asked_at",)
        constraints = [
            models.UniqueConstraint(
                fields=["step"],
                condition=models.Q(state=AskState.OPEN),
                name="one_open_question_per_step",
            )
        ]

    def __str__(self) -> str:
        return f"{self.step} question"


class BreakGlass(Guarded):
    """Rules that one person broke for one question, by name, with a reason. Never changed.

    `proof`: the assertion of their passkey over all of it."""

    TYPE = "drp break-glass"

    ask = models.ForeignKey(Ask, models.PROTECT, related_name="broken")
    by = models.CharField(max_length=120)
    rules = models.JSONField()
    reason = models.TextField()
    at = models.DateTimeField()
    proof = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ask"], name="one_break_glass_per_question")]

    def __str__(self) -> str:
        return f"{self.by} broke glass in {self.ask.step}: {spoken_rules(self.rules)}"


class Approval(Guarded):
    """What one person said to one question. Never changed.

    `principal`: whose right it was; `digest`, `requester`, `editor`: as the run has them, checked
    by a trigger; `proof`: the assertion of a passkey, or the seal of whoever looked at a code."""

    TYPE = "drp approval"

    ask = models.ForeignKey(Ask, models.PROTECT, related_name="approvals")
    approver = models.CharField(max_length=120)
    principal = models.CharField(max_length=120)
    requester = models.CharField(max_length=120)
    editor = models.CharField(max_length=120)
    digest = models.CharField(max_length=64)
    is_yes = models.BooleanField()
    reason = models.TextField(blank=True)
    factor = models.CharField(max_length=8, choices=choices(Factor))
    proof = models.TextField(blank=True)
    given_at = models.DateTimeField()
    pulse = models.FloatField()
    incarnation = models.BigIntegerField()
    broke = models.ForeignKey(BreakGlass, models.PROTECT, null=True, related_name="approvals")

    class Meta:
        ordering = ("given_at",)
        constraints = [
            models.UniqueConstraint(fields=["ask", "approver"], name="one_word_per_person"),
            models.UniqueConstraint(fields=["ask", "principal"], name="one_word_per_right"),
            models.CheckConstraint(
                condition=models.Q(broke__isnull=False)
                | (
                    ~models.Q(approver=models.F("requester"))
                    & ~models.Q(principal=models.F("requester"))
                    & ~models.Q(approver=models.F("editor"))
                    & ~models.Q(principal=models.F("editor"))
                ),
                name="who_asked_or_wrote_never_approves",
            ),
            models.CheckConstraint(
                condition=models.Q(is_yes=True) | ~models.Q(reason=""), name="a_no_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.approver} on {self.ask}"


class ApprovalUse(Guarded):
    """An approval was used up by the round of a step that it let begin. Never changed."""

    TYPE = "drp approval use"

    approval = models.OneToOneField(Approval, models.PROTECT, related_name="use")
    step = models.ForeignKey(RunStep, models.PROTECT, related_name="uses")
    round = models.IntegerField()
    used_at = models.DateTimeField()
    pulse = models.FloatField()


class Delegation(Guarded):
    """`giver` lets `taker` use one role of theirs until it ends; never a delegated one."""

    TYPE = "drp delegation"

    giver = models.CharField(max_length=120)
    taker = models.CharField(max_length=120)
    role = models.CharField(max_length=20)
    reason = models.TextField()
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(giver=models.F("taker")), name="nobody_delegates_to_themselves"
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("begins_at")), name="a_delegation_ends"
            ),
        ]


class Passkey(Guarded):
    """A public key that a person showed us from their browser. It proves nothing: what counts is
    the file of pinned keys. `handle`: the credential's id, `public`: its COSE key, in base64url;
    `pinned_by`: who says to have put it into the file."""

    TYPE = "passkey"

    person = models.CharField(max_length=120)
    label = models.CharField(max_length=80)
    handle = models.TextField(unique=True)
    public = models.TextField()
    shown_at = models.DateTimeField()
    pinned_by = models.CharField(max_length=120, blank=True)
    pinned_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("person", "shown_at")

    def __str__(self) -> str:
        return f"{self.person}’s passkey {self.label}"
