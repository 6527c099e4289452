"""The judgement: who leads looks, decides and writes, several times a second.

Invariant: each step commits under the leader's epoch or not at all; a step that fails costs its
own round and no other's, because the next round looks at the rows again.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import structlog
from django.db import DatabaseError, close_old_connections, connection

from recovery.alarms.cycle import end_alarms_of, end_storm, ring_what_lasts
from recovery.audit.facts import Actor
from recovery.brief.cycle import watch_reviews
from recovery.controller.databases import Databases, around, failing_domains
from recovery.controller.sighted import Sighted
from recovery.core import control, incarnations
from recovery.core.clock import Clock
from recovery.core.errors import Conflict, NotLeader, Refused
from recovery.detection.facts import Part
from recovery.drp.actions.unreadable import ring_stopped
from recovery.drp.carrying import make_cycle
from recovery.drp.cycle import Cycle as Plans
from recovery.drp.drills.cycle import clean_up
from recovery.drp.queries import authority
from recovery.failover.actions.incarnations import recognise_incarnation
from recovery.failover.cycle import watch_databases
from recovery.gateway.digest import AskLook
from recovery.incidents.cycle import watch_incidents
from recovery.operations.cycle import run_governor, settle_lost
from recovery.operations.facts import Verb
from recovery.restores.cycle import carry_on
from recovery.restores.lottery import draw_lots
from recovery.restores.queries import Leases
from recovery.restores.ringing import watch_restores
from recovery.scheduling.cycle import ROUND, reschedule

log = structlog.get_logger()
TICK_SECONDS = 0.2
BEAT_SECONDS = 0.5
INCIDENT_SECONDS = 0.5
RESTORES_SECONDS = 2.0
LOTS_SECONDS = 5.0
REVIEW_SECONDS = 1.0
RECOGNISE_SECONDS = 0.5
PLANS_SECONDS = 1.0
SLOW_SECONDS = 0.3

Ask = Callable[[Sequence[AskLook], bool], None]


@dataclass(slots=True)
class Judge:
    """One controller's judgement. `epoch` is 0 while another leads.

    It says that it lives between its steps too: a busy round is no absence, and a take-over in the
    middle of a failover would start its timers again (B3).
    """

    holder: str
    clock: Clock
    sighted: Sighted
    ask: Ask
    epoch: int = 0
    databases: Databases = field(default_factory=Databases)
    doubt: str = ""
    _watch: control.Watch = field(default_factory=control.Watch)
    _next_beat: float = 0.0
    _next_incidents: float = 0.0
    _next_restores: float = 0.0
    _next_lots: float = 0.0
    _next_review: float = 0.0
    _next_plans: float = 0.0
    _plans: Plans | None = None
    _next_recognition: float = 0.0

    @property
    def _is_paused(self) -> bool:
        """Only that: who does not trust its eyes, or its rows, lets nothing through."""
        return bool(self.sighted.paused) and not self.sighted.hands_off and not self.doubt

    @property
    def actor(self) -> Actor:
        return Actor("controller", self.holder, self.epoch)

    def run(self, stop: threading.Event) -> None:
        """Until told to stop."""
        while not stop.wait(TICK_SECONDS):
            self.round()

    def round(self) -> None:
        """One look, and every decision that follows from it."""
        try:
            if not self._leads():
                return
            for step in self._steps():
                if not self._keep_lead(self.clock.monotonic()):
                    return
                self._try(step)
        except NotLeader as error:
            log.warning("another leads", reason=str(error))
            self._step_down()
        except DatabaseError as error:
            log.warning("rows are away", error=str(error).strip())
            close_old_connections()
            self.sighted.regrace(self.clock.monotonic())
            self.databases = Databases()

    def _steps(self) -> tuple[Callable[[], None], ...]:
        return (
            self._recognise,
            self._detect,
            self._settle,
            self._fail_over,
            self._restore,
            self._reschedule,
            self._govern,
            self._watch_over,
            self._draw_lots,
            self._review,
            self._carry_plans,
        )

    def _try(self, step: Callable[[], None]) -> None:
        """A collision with another writer costs the step its round. Rows that are away are
        another thing: then nobody knows what happened meanwhile (B3). A slow step is told: too
        slow a round begins a grace."""
        began = self.clock.monotonic()
        try:
            step()
        except (Conflict, Refused) as error:
            log.info("not this round", step=step.__name__, reason=str(error))
        except DatabaseError as error:
            if not connection.is_usable():
                raise
            log.warning("not this round", step=step.__name__, reason=str(error).strip())
        if (spent := self.clock.monotonic() - began) > SLOW_SECONDS:
            log.warning("slow", step=step.__name__, seconds=round(spent, 2))

    # ------------------------------------------------------------------ leading

    def _leads(self) -> bool:
        now = self.clock.monotonic()
        if self.epoch:
            return self._keep_lead(now)
        seen = control.read_beat()
        if not self._watch.may_take(seen, now):
            return False
        epoch = control.take_lead(self.holder, seen_epoch=seen[0], now=self.clock.now())
        if epoch is None:
            return False
        log.info("leading", epoch=epoch)
        self.epoch = epoch
        self._watch.note_epoch(epoch, now)
        self.sighted.regrace(now)
        self.databases = Databases()
        return True

    def _keep_lead(self, now: float) -> bool:
        if now < self._next_beat:
            return True
        self._next_beat = now + BEAT_SECONDS
        if control.beat(self.epoch):
            return True
        self._step_down()
        return False

    def _step_down(self) -> None:
        self.epoch = 0
        self._watch.step_down()

    # ------------------------------------------------------------------ steps

    def _recognise(self) -> None:
        """B11: in doubt of our own rows we look on, ring, and do nothing."""
        doubted, self.doubt = self.doubt, incarnations.quarantine_reason()
        now = self.clock.monotonic()
        if now >= self._next_recognition:
            self._next_recognition = now + RECOGNISE_SECONDS
            with control.deciding(self.epoch):
                recognise_incarnation(actor=self.actor, now=self.clock.now())
            self.doubt = incarnations.quarantine_reason()
        if doubted and not self.doubt:
            self.sighted.regrace(now)
            self.databases = Databases()

    def _detect(self) -> None:
        looks = self.sighted.look(actor=self.actor, clock=self.clock)
        if looks:
            self.ask(looks, False)

    def _settle(self) -> None:
        if self.doubt:
            return
        settle_lost(actor=self.actor, now=self.clock.now())

    def _fail_over(self) -> None:
        """Before the governor's step, so that an order decided now is handed out now."""
        if self.doubt:
            return
        databases = watch_databases(
            self.databases.regraced(
                self.clock.monotonic(),
                is_afresh=self.sighted.is_afresh,
                is_blind=bool(self.sighted.hands_off),
            ),
            around(self.sighted),
            failing=failing_domains(),
            actor=self.actor,
            now=self.clock.now(),
            monotonic=self.clock.monotonic(),
        )
        if databases:
            self.ask((), True)

    def _restore(self) -> None:
        """What people decided to bring back; who does not see begins nothing."""
        if self.doubt:
            return
        paused = self.sighted.hands_off or self.sighted.paused
        despite = authority.restores_above_pause() if self._is_paused else ()
        now, leases = self.clock.now(), self._leases()
        if carry_on(actor=self.actor, now=now, paused=paused, despite=despite, leases=leases):
            self.ask((), True)

    def _reschedule(self) -> None:
        if not self.doubt and not self.sighted.hands_off:
            why = self.sighted.by_plans.get(Part.RESCHEDULING, "")
            policy = replace(ROUND, trusts_suspicion=not self.sighted.is_grace, frozen=why)
            frozen = self._is_paused or Part.RESCHEDULING in self.sighted.frozen
            kept = authority.seats_above_pause() if frozen else ()
            reschedule(actor=self.actor, now=self.clock.now(), policy=policy, kept=kept)

    def _govern(self) -> None:
        paused = self.sighted.hands_off or self.sighted.paused
        why = "" if paused else self.sighted.frozen.get(Part.RESCHEDULING, "")
        despite = authority.operations_above_pause() if self._is_paused or why else ()
        frozen = {Verb.START: why} if why else {}
        now = self.clock.now()
        if run_governor(actor=self.actor, now=now, paused=paused, frozen=frozen, despite=despite):
            self.ask((), True)

    def _watch_over(self) -> None:
        """Who does not see, or only just began, knows of nothing that is hurt or whole again; what
        came back quietly and lasts rings in any case."""
        now = self.clock.monotonic()
        if now < self._next_incidents:
            return
        self._next_incidents = now + INCIDENT_SECONDS
        instant = self.clock.now()
        ring_what_lasts(actor=self.actor, now=instant)
        if self.sighted.blind:
            return
        ended = watch_incidents(actor=self.actor, now=instant)
        end_alarms_of(incidents=ended, actor=self.actor, now=instant)
        end_storm(actor=self.actor, now=instant)
        if not self.doubt and now >= self._next_restores:
            self._next_restores = now + RESTORES_SECONDS
            self._ring_restores(now)

    def _ring_restores(self, now: float) -> None:
        """Those that get nowhere, as far as we have looked at them (B3)."""
        watch_restores(
            actor=self.actor,
            now=self.clock.now(),
            looked_for=now - self.sighted.watch.memory.begun,
            paused=self.sighted.hands_off or self.sighted.paused,
            despite=authority.restores_above_pause() if self._is_paused else (),
            leases=self._leases(),
        )

    def _carry_plans(self) -> None:
        """Runs of recovery plans. People's words stand above a pause of automation, and not above
        eyes that see nothing. They have their time and no more: who still waits for a turn has it
        in the next round. Whatever is wrong with plans, detection goes on."""
        now = self.clock.monotonic()
        if self.doubt or now < self._next_plans:
            return
        self._next_plans = now + PLANS_SECONDS
        if self._plans is None:
            self._plans = make_cycle(self.clock, self._leases, lambda: self.sighted.blind)
        hold = self.sighted.hands_off
        carry_on = partial(self._plans.carry_on, monotonic=now, hold=hold)
        self._contained(partial(carry_on, actor=self.actor, now=self.clock.now()))
        self._contained(partial(clean_up, actor=self.actor, now=self.clock.now()))
        if self._plans.is_behind:
            self._next_plans = now

    def _contained(self, act: Callable[[], object]) -> None:
        """What nobody foresaw in plans and drills is rung, and ends here."""
        try:
            act()
        except (Conflict, Refused, NotLeader, DatabaseError):
            raise
        except Exception as error:
            log.exception("no plan is carried on")
            why = f"{type(error).__name__}: {error}"
            ring_stopped(why, actor=self.actor, now=self.clock.now())

    def _leases(self) -> Leases:
        """As this leader has watched them, now."""
        memory = self.databases.watch.memory
        return Leases(memory.leases, self.clock.monotonic(), memory.words)

    def _draw_lots(self) -> None:
        """Restore tests: seldom, and none while anything is wrong."""
        now = self.clock.monotonic()
        if self.doubt or now < self._next_lots:
            return
        self._next_lots = now + LOTS_SECONDS
        paused = self.sighted.hands_off or self.sighted.frozen.get(Part.RESTORE_TESTS, "")
        draw = random.random()  # noqa: S311 - which backup is tested next is no secret
        if draw_lots(actor=self.actor, now=self.clock.now(), draw=draw, paused=paused):
            self.ask((), True)

    def _review(self) -> None:
        """A decision to wait rings when its time is over, blind or not: people look then."""
        now = self.clock.monotonic()
        if self.doubt or now < self._next_review:
            return
        self._next_review = now + REVIEW_SECONDS
        watch_reviews(actor=self.actor, now=self.clock.now())
