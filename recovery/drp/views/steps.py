"""The steps of a run as its page shows them: targets, tries, and what each waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from recovery.drp.facts import ENDED, ActState, Kind, Mode, StepState
from recovery.drp.models import Act, Run, RunStep
from recovery.drp.plan import Target
from recovery.drp.planning.leaving import by_hand, left_by
from recovery.drp.proven import unproven_word
from recovery.drp.runbooks.schema import Runbook
from recovery.drp.runbooks.shown import StepLine
from recovery.drp.sights import RunSight, StepSight
from recovery.drp.views.fenced import with_fence
from recovery.drp.views.lines import named_lines
from recovery.drp.views.whys import whys
from recovery.restores import screens as restoring
from recovery.restores.screens import ProgressView, RestoreView

TONES = {
    StepState.FAILED: "down",
    StepState.SKIPPED: "risk",
    StepState.ASKING: "",
    StepState.PENDING: "",
    StepState.BEGUN: "",
    StepState.DONE: "",
}
NOT_ORDERED = "nothing was ordered of it yet"
WORDS = {
    StepState.PENDING: "to come",
    StepState.ASKING: "waits for a yes",
    StepState.BEGUN: "under way",
    StepState.DONE: "done",
    StepState.FAILED: "failed",
    StepState.SKIPPED: "skipped",
}
BROKEN_OFF = {
    StepState.PENDING: "never begun",
    StepState.ASKING: "never begun",
    StepState.BEGUN: "broken off",
}
"""Of a run that is over, whose steps are not."""


@dataclass(frozen=True, slots=True)
class ItemView:
    """One target of a step, with its newest act. `state` empty: it has not had its turn; `restore`:
    the one that it waits for; `waits`: why nothing goes on yet."""

    name: str
    type: str
    key: str
    state: str
    said: str
    began_at: datetime | None
    ended_at: datetime | None
    tries: int
    by_word: str
    restore: RestoreView | None = None
    waits: str = ""

    @property
    def progress(self) -> ProgressView | None:
        return self.restore.progress if self.restore else None

    @property
    def tone(self) -> str:
        return {"failed": "down", "unknown": "unknown"}.get(self.state, "")


@dataclass(frozen=True, slots=True)
class WaveView:
    number: int
    items: tuple[ItemView, ...]

    @property
    def done(self) -> int:
        return sum(one.state == ActState.DONE for one in self.items)


@dataclass(frozen=True, slots=True)
class StepView:
    """`line`: as the runbook says it; `ask`: the id of its open question; `why`: what it waits for
    that is not so yet; `left`: how much stays as it is although it was to take it; `is_stopped`:
    its run ended before it did; `about`: what people see to in it."""

    line: StepLine
    kind: Kind
    state: StepState
    state_at: datetime
    said: str
    round: int
    owner: str
    waves: tuple[WaveView, ...]
    ask: str
    missing: str
    is_critical: bool
    is_own: bool
    why: str = ""
    left: int = 0
    is_stopped: bool = False
    about: tuple[str, ...] = ()

    @property
    def tone(self) -> str:
        if self.unknown:
            return "unknown"
        return "risk" if self.unproven or self.leaves else TONES[self.state]

    @property
    def word(self) -> str:
        if self.unknown:
            return "nobody knows how it ended"
        if self.is_stopped:
            return BROKEN_OFF[self.state]
        return self.unproven or self.leaves or WORDS[self.state]

    @property
    def leaves(self) -> str:
        """A step that is done, and did not take all that it was about."""
        is_done = self.state is StepState.DONE and self.left
        return f"done, leaves {self.left} as it is" if is_done else ""

    @property
    def unproven(self) -> str:
        """A fence that is done, and not proven."""
        by_word = any(one.by_word for one in self.items)
        return unproven_word(self.kind, self.state, self.said, by_word=by_word)

    @property
    def items(self) -> tuple[ItemView, ...]:
        return tuple(item for wave in self.waves for item in wave.items)

    @property
    def unknown(self) -> tuple[ItemView, ...]:
        return tuple(one for one in self.items if one.state == ActState.UNKNOWN)

    @property
    def done(self) -> int:
        return sum(one.state == ActState.DONE for one in self.items)

    @property
    def percent(self) -> int:
        return self.done * 100 // len(self.items) if self.items else 0

    @property
    def restores(self) -> tuple[RestoreView, ...]:
        """What it waits for, on pages of their own."""
        return tuple(one.restore for one in self.items if one.restore)

    @property
    def has_items(self) -> bool:
        """Something else than the step itself is its target."""
        return bool(self.items) and not self.is_own


def step_views(
    row: Run, sight: RunSight, book: Runbook, critical: frozenset[str]
) -> tuple[StepView, ...]:
    """In the order of the plan; `critical`: ids of those on the longest way to the end."""
    rows = {step.name: step for step in row.steps.all()}
    acts: dict[str, dict[str, list[Act]]] = {}
    for act in Act.objects.filter(step__run=row).select_related("step").order_by("number"):
        acts.setdefault(act.step.name, {}).setdefault(act.target, []).append(act)
    why = whys(row, sight)
    going = {one.database: one for one in restoring.restores() if one.is_running}
    return tuple(
        _step(
            line,
            rows[line.id],
            sight.steps[line.id],
            _waves(sight.steps[line.id], acts.get(line.id, {}), going, row.mode),
            is_critical=line.id in critical,
            why=why.get(line.id, ""),
            left=len(left_by(sight.plan, line.id)),
            about=by_hand(sight.plan, line.id),
            is_over=sight.state in ENDED,
        )
        for line in named_lines(book, sight.plan)
    )


def _waves(
    sight: StepSight, acts: Mapping[str, list[Act]], going: Mapping[str, RestoreView], mode: str
) -> tuple[WaveView, ...]:
    """A drill restores on its own hosts, in no restore of production."""
    restores = sight.planned.kind is Kind.RESTORE_DATABASES and mode in {
        Mode.PLANNED,
        Mode.DISASTER,
    }
    return tuple(
        WaveView(
            number,
            tuple(_item(one, acts.get(one.key, []), going, restores=restores) for one in wave),
        )
        for number, wave in enumerate(sight.planned.waves, start=1)
    )


def _step(
    line: StepLine,
    row: RunStep,
    sight: StepSight,
    waves: tuple[WaveView, ...],
    *,
    is_critical: bool,
    why: str,
    left: int,
    about: tuple[str, ...],
    is_over: bool,
) -> StepView:
    return StepView(
        line=line,
        kind=sight.planned.kind,
        state=sight.state,
        state_at=row.state_at,
        said=with_fence(row),
        round=row.round,
        owner=sight.planned.owner,
        waves=waves,
        ask=sight.ask.id if sight.ask else "",
        missing=sight.ask.weighed.missing if sight.ask else "",
        is_critical=is_critical,
        why=why,
        left=left,
        about=about,
        is_stopped=is_over and sight.state in BROKEN_OFF,
        is_own=all(one.type == "tocsin" for wave in sight.planned.waves for one in wave),
    )


def _item(
    target: Target, acts: Sequence[Act], going: Mapping[str, RestoreView], *, restores: bool
) -> ItemView:
    last = acts[-1] if acts else None
    is_going = last is not None and last.state == ActState.INTENDED and target.type == "database"
    restore = going.get(target.name) if is_going else None
    return ItemView(
        name=target.name,
        type=target.type,
        key=last.key if last else "",
        state=last.state if last else "",
        said=last.said if last else "",
        began_at=last.intended_at if last else None,
        ended_at=last.ended_at if last else None,
        tries=len(acts),
        by_word=last.by_word if last else "",
        restore=restore,
        waits=NOT_ORDERED if is_going and restores and restore is None else "",
    )
