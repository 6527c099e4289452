"""Two deciders of which one leads: read, decide with the production code, commit with the checks
of B1 and B10. One that sleeps may commit what it decided before, when it wakes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from recovery.core.leases import LeaseRow
from recovery.failover.decide import next_step
from recovery.failover.facts import (
    Act,
    Around,
    Ask,
    Asked,
    Facts,
    Failover,
    OrderSight,
    Proof,
    ProofKind,
    ReplicaSight,
    Step,
    Wait,
)
from recovery.failover.phases import FailoverKind, Phase
from recovery.failover.policy import Policy
from recovery.failover.trouble import is_protected, is_self_fencing
from recovery.failover.watch import LeaseWatch, needs_regrace
from recovery.inventory.facts import Role
from recovery.operations.facts import OperationState
from tests.simulation.failover.ground import Clock

if TYPE_CHECKING:
    from tests.simulation.failover.plane import Plane

CHECKED = [True]
"""Mutant M6: decisions are committed without looking whether what they saw still holds."""
WEIGHTY = frozenset({Act.REVOKE, Act.PROVE, Act.CHOOSE, Act.CHOOSE_AGAIN, Act.GIVE_BACK})
"""Between these decisions and their commits a decider may sleep."""
OF_A_FAILOVER = frozenset({Act.CHOOSE, Act.CHOOSE_AGAIN, Act.PROMOTE, Act.REPOINT, Act.REDIRECT})
"""What they write stands in a failover's row; the others write to other rows too."""
POLICY = Policy(healthy_for=2.0)
"""Two seconds instead of sixty, so that a second failover can follow within a run."""
AROUND, BLIND = Around(), Around(blind=("Nobody is heard.",))


class Decider:
    """One controller: it leads while its epoch is the row's (B10)."""

    def __init__(self, plane: Plane, name: str) -> None:
        self.plane, self.world, self.name = plane, plane.world, name
        self.clock = Clock(self.world.rng, self.world.chances.drift)
        self.is_up = True
        self.paused_until = 0.0
        self.run = 0
        self.forget()

    def forget(self) -> None:
        self.run += 1
        self.epoch = 1 if self.name == "D1" and self.run == 1 else 0
        self.beat, self.beat_at = -1, 0.0
        self.ticked = self.clock.now(self.world.t)
        self.identity = self.plane.rows.identity
        self.watch: LeaseWatch | None = None
        self.heard: dict[str, tuple[int, float]] = {}
        self.since = (self.ticked, self.ticked)
        self.is_busy = False
        self.asked: list[tuple[int, float]] = []

    # ------------------------------------------------------------ its round

    def tick(self, run: int, again: bool = True) -> None:
        if run != self.run or not self.is_up:
            return
        world = self.world
        if world.t < self.paused_until:
            world.at(self.paused_until, self.tick, run, again)
            return
        if again:
            world.at(
                world.t + self.plane.terms.tick * (0.95 + 0.1 * world.random()), self.tick, run
            )
        if self.plane.rows.is_up and not self.is_busy:
            self.look()

    def look(self) -> None:
        rows, now = self.plane.rows, self.clock.now(self.world.t)
        gained = self._lead(now)
        if gained is None:
            self.ticked = now
            return
        gap = now - self.ticked
        changed = rows.identity != self.identity or gap > self.plane.terms.span
        regrace = needs_regrace(is_new=gained, database_changed=changed)
        if self.watch is not None:
            self.watch = self.watch.wake(gap, self.plane.terms.tick, now)
        self.ticked, self.identity = now, rows.identity
        self._watch(now, regrace)
        answer = next_step(self._facts(now), POLICY, now)
        self._follow(answer, now)

    def _lead(self, now: float) -> bool | None:
        """True: just gained; False: leads on; None: another one leads."""
        rows = self.plane.rows
        if rows.leader == self.name and rows.leader_epoch == self.epoch:
            rows.beat += 1
            return False
        if rows.beat != self.beat:
            self.beat, self.beat_at = rows.beat, now
            return None
        if now - self.beat_at < 2.0:
            return None
        rows.leader, rows.leader_epoch = self.name, rows.leader_epoch + 1
        rows.beat += 1
        self.epoch = rows.leader_epoch
        self.world.tell(f"{self.name} leads")
        return True

    def _watch(self, now: float, regrace: bool) -> None:
        rows = self.plane.rows
        if regrace:
            self.heard.clear()
            self.since = (now, now)
        if rows.lease is None:
            self.watch = None
        elif self.watch is None:
            self.watch = LeaseWatch.begin(rows.lease, self.plane.terms, now)
        else:
            self.watch = self.watch.note(rows.lease, now)
            if regrace:
                self.watch = self.watch.regrace(now)

    def _follow(self, answer: Step | Wait | Ask, now: float) -> None:
        plane, world = self.plane, self.world
        if isinstance(answer, Ask) and not plane.asking:
            world.tell(f"{self.name} asks: {answer.reason}")
        plane.asking = answer.alarm if isinstance(answer, Ask) else ""
        if isinstance(answer, Step):
            self.is_busy = True
            token = (self.epoch, plane.rows.failover, plane.rows.lease, self.run)
            world.at(world.t + plane.commit(), self.commit, token, answer)
            if answer.act in WEIGHTY and world.random() < world.chances.stall:
                self.paused_until = max(self.paused_until, world.stalled())
        elif isinstance(answer, Wait) and answer.seconds and world.chances.eager:
            at = self.clock.true(now + answer.seconds) + 1e-6
            world.at(max(at, world.t + 0.01), self.tick, self.run, False)

    def commit(self, token: tuple[int, Failover | None, LeaseRow | None, int], step: Step) -> None:
        """A sleeping decider's statement may arrive when it wakes: the row's checks stand."""
        world, rows = self.world, self.plane.rows
        if world.t < self.paused_until:
            world.at(self.paused_until, self.commit, token, step)
            return
        epoch, failover, lease, run = token
        if run == self.run:
            self.is_busy = False
        if not rows.is_up or run != self.run:
            return
        if CHECKED[0]:
            if rows.leader_epoch != epoch or rows.failover is not failover:
                return
            if _rests_on_a_lease(step) and _number(rows.lease) != _number(lease):
                return
        self.world.tell(f"{self.name} {step.act} {step.replica}: {step.reason}")
        self.apply(step)
        world.at(world.t, self.tick, self.run, False)

    # ------------------------------------------------------------ what it knows

    def _sight(self, name: str, now: float) -> ReplicaSight | None:
        """The newest report grows older in place: a copy at each look would be half of the run."""
        rows = self.plane.rows
        if name not in rows.seen:
            return None
        count, sight = rows.seen[name]
        known = self.heard.get(name)
        if known is None or known[0] != count:
            known = self.heard[name] = count, now
        object.__setattr__(sight, "role", rows.roles[name])
        object.__setattr__(sight, "age", now - known[1])
        return sight

    def _facts(self, now: float) -> Facts:
        rows, t = self.plane.rows, self.world.t
        freshest = 0.0
        sights: list[ReplicaSight] = []
        for name in rows.roles:
            one = self._sight(name, now)
            if one is not None:
                freshest = min(freshest, one.age) if sights else one.age
                sights.append(one)
        left = max(0.0, rows.blocked_until - t)
        failover = rows.failover
        facts = Facts(
            replace(rows.database, blocked_for=left) if left else rows.database,
            tuple(sights), self.watch,
            None if failover is None else self._flying(failover, t),
            AROUND if freshest <= 3.0 else BLIND, self._proofs(), routed_epoch=rows.routed,
            written_epoch=self.world.written_epoch, written_age=t - self.world.written_at,
            restart_seconds=3.0, failover_seconds=5.0,
        )  # fmt: skip
        unprotected, protected = self._protection(facts, now)
        object.__setattr__(facts, "unprotected_for", now - unprotected)
        object.__setattr__(facts, "protected_for", now - protected)
        return facts

    def _protection(self, facts: Facts, now: float) -> tuple[float, float]:
        """When it was last protected, and last unprotected."""
        standing = is_protected(facts, POLICY)
        if standing is not None:
            unprotected, protected = self.since
            self.since = (now, protected) if standing else (unprotected, now)
        return self.since

    def _flying(self, failover: Failover, t: float) -> Failover:
        orders, asked = [], []
        for one in reversed(self.plane.rows.orders):
            if one.verb == "ask" and one.state is OperationState.DONE:
                asked.append(Asked(one.replica, t - one.at, one.promised, one.position))
            orders.append(
                OrderSight(one.verb, one.replica, one.state, str(one.number), one.said,
                           t - one.at, one.position)
            )  # fmt: skip
        age = t - self.plane.rows.began
        return replace(failover, orders=tuple(orders), asked=tuple(asked), phase_age=age)

    def _proofs(self) -> tuple[Proof, ...]:
        rows = self.plane.rows
        failover = rows.failover
        if not self.world.chances.attended or failover is None:
            return ()
        if self.world.hosts[failover.source].power:
            return ()
        said = "A person saw that it is powered off."
        return (
            Proof(ProofKind.POWERED_OFF, failover.source, failover.old_epoch, said, receipt="1"),
        )

    # ------------------------------------------------------------ what it writes

    def apply(self, step: Step) -> None:
        rows = self.plane.rows
        before = rows.failover
        if before is None and step.act in OF_A_FAILOVER:
            return  # M6: an UPDATE that finds no row
        handler = getattr(self, f"_do_{step.act.replace('-', '_')}", None)
        if handler is not None:
            handler(step)
        if step.to is not None and rows.failover is not None:
            ended = step.to in (Phase.DONE, Phase.ABANDONED)
            if ended and rows.failover.phase in (Phase.REBUILD, Phase.VERIFY):
                rows.blocked_until = self.world.t + self.world.chances.blocked_for
            rows.failover = None if ended else replace(rows.failover, phase=step.to)
        if rows.failover is None or before is None or rows.failover.phase != before.phase:
            rows.began = self.world.t

    def begin(self, kind: FailoverKind, wanted: str = "") -> None:
        rows = self.plane.rows
        rows.orders.clear()
        rows.failover = Failover(
            kind, Phase.ANALYSE, rows.database.primary, rows.database.epoch, wanted=wanted
        )

    def _do_begin(self, step: Step) -> None:
        assert step.kind is not None
        self.begin(step.kind)

    def _raise_epoch(self) -> int:
        rows = self.plane.rows
        rows.database = replace(rows.database, epoch=rows.database.epoch + 1)
        return rows.database.epoch

    def _do_revoke(self, step: Step) -> None:
        rows = self.plane.rows
        if rows.lease is not None:
            rows.lease = replace(rows.lease, revoked=True)
        self._change(new_epoch=self._raise_epoch(), proof=step.proof)
        self._route("")

    def _change(self, **fields: object) -> None:
        rows = self.plane.rows
        if rows.failover is not None:
            rows.failover = replace(rows.failover, **fields)  # type: ignore[arg-type] # by name

    def _do_prove(self, step: Step) -> None:
        self._change(proof=step.proof)

    def _do_choose(self, step: Step) -> None:
        rows = self.plane.rows
        assert rows.failover is not None
        if rows.failover.tried:
            self._change(new_epoch=self._raise_epoch())
        if step.degraded:
            rows.database = replace(rows.database, is_degraded=True)
        self._change(target=step.replica, attempts=0)
        epoch = rows.failover.new_epoch
        rows.lease = None if step.degraded else LeaseRow(step.replica, epoch)
        self.world.quoted(step)

    def _do_choose_again(self, step: Step) -> None:
        failover = self.plane.rows.failover
        assert failover is not None
        self._change(tried=(*failover.tried, (step.replica, step.reason)), target="")

    def _send(self, verb: str, step: Step, epoch: int = 0, *, first: bool = False) -> None:
        rows = self.plane.rows
        rows.orders = [o for o in rows.orders if (o.verb, o.replica) != (verb, step.replica)]
        alone = rows.database.is_degraded or not rows.database.is_synchronous
        number = epoch or (rows.failover.new_epoch if rows.failover else 0) or rows.database.epoch
        self.plane.order(verb, step.replica, number, first=first, second=alone)

    def _do_ask(self, step: Step) -> None:
        self._send("ask", step, first=step.take_over)

    def _do_fence(self, step: Step) -> None:
        self._send("fence", step)

    def _do_restart(self, step: Step) -> None:
        self._send("restart", step)

    def _do_rejoin(self, step: Step) -> None:
        """The picture and the order in one transaction, as `rounds.acting` writes them."""
        self.plane.rows.roles[step.replica] = Role.STANDBY
        self._send("rejoin", step, self.plane.rows.database.epoch)

    def _do_promote(self, step: Step) -> None:
        failover = self.plane.rows.failover
        assert failover is not None
        self._change(attempts=failover.attempts + 1)
        self.world.ordered(step, failover)
        self._send("promote", step, first=self.plane.rows.lease is not None)

    def _do_repoint(self, step: Step) -> None:
        rows = self.plane.rows
        assert rows.failover is not None
        rows.roles[rows.failover.source] = Role.OUT
        rows.roles[step.replica] = Role.PRIMARY
        rows.database = replace(rows.database, primary=step.replica)

    def _do_redirect(self, step: Step) -> None:
        failover = self.plane.rows.failover
        assert failover is not None
        self.plane.rows.routed = failover.new_epoch
        self._route(step.replica)

    def _route(self, replica: str) -> None:
        """The edge hears of it within its budget; from the revocation on it leads nowhere."""
        plane = self.plane
        plane.routes += 1
        took = self.world.random() * (0.001 if self.world.chances.quick else 1.0)
        self.world.at(self.world.t + took, self.world.route, plane.routes, replica)

    def _do_give_back(self, step: Step) -> None:
        rows = self.plane.rows
        epoch = self._raise_epoch()
        leased = is_self_fencing(self._facts(self.clock.now(self.world.t)))
        rows.lease = LeaseRow(rows.database.primary, epoch) if leased else None
        self._route(rows.database.primary)

    def _do_degrade(self, step: Step) -> None:
        rows = self.plane.rows
        rows.database = replace(rows.database, is_degraded=True)
        rows.lease = None

    def _do_restore(self, step: Step) -> None:
        """At a new epoch: no renewal from before may count for the new lease."""
        rows = self.plane.rows
        rows.database = replace(rows.database, is_degraded=False)
        rows.lease = LeaseRow(rows.database.primary, self._raise_epoch())


def _rests_on_a_lease(step: Step) -> bool:
    """As `actions.failovers.revoke_primary` judges: another proof stands by itself."""
    return step.proof is not None and step.proof.kind is ProofKind.LEASE_ENDED


def _number(row: LeaseRow | None) -> tuple[int, int, int, bool]:
    return (row.epoch, row.incarnation, row.sequence, row.revoked) if row else (0, 0, 0, False)
