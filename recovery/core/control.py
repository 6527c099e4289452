"""Who may decide. Any number of controllers run; one leads, by a rising epoch.

Invariant (I-CP-1): a decision commits only while its epoch is the leader's. `deciding(epoch)`
holds a share lock on the leader's row for the transaction, and a take-over updates that row,
so a controller that slept through its own replacement cannot commit anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F

from recovery.audit.actions import append_entries
from recovery.audit.facts import Actor, Entry
from recovery.core import events
from recovery.core.errors import NotLeader
from recovery.core.models import Leader, LeaderBeat

TAKEOVER_SECONDS = 2.0
"""A leader whose beat stands still this long, on the watcher's clock, is replaced."""
TAKEOVER_MOST = 6.0
"""And this long where the lead went round lately: T_lead of safety.md 3.5."""
LATELY_SECONDS = 30.0


@contextmanager
def deciding(epoch: int) -> Iterator[None]:
    """A transaction that commits only if `epoch` still leads. Raises `NotLeader`."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM core_leader WHERE epoch = %s FOR SHARE", [epoch])
            if cursor.fetchone() is None:
                raise NotLeader(f"Epoch {epoch} does not lead any more.")
        yield


def take_lead(holder: str, *, seen_epoch: int, now: datetime) -> int | None:
    """Become the leader if the epoch is still the one seen; the new epoch, or None."""
    with transaction.atomic():
        Leader.objects.get_or_create(id=1)
        LeaderBeat.objects.get_or_create(id=1)
        epoch = seen_epoch + 1
        upto = append_entries([_takeover(holder, epoch, now)])
        taken = Leader.objects.filter(id=1, epoch=seen_epoch).update(
            epoch=epoch, holder=holder, taken_at=now
        )
        if not taken:
            transaction.set_rollback(True)
            return None
        LeaderBeat.objects.filter(id=1).update(epoch=epoch, beat=F("beat") + 1)
        events.announce("leader", ["1"], "taken", upto)
    return epoch


def beat(epoch: int) -> bool:
    """Say that the leader lives; False when it leads no longer."""
    return bool(LeaderBeat.objects.filter(id=1, epoch=epoch).update(beat=F("beat") + 1))


def read_beat() -> tuple[int, int]:
    """(epoch, beat) of the leader now; (0, 0) before the first."""
    row = LeaderBeat.objects.filter(id=1).values_list("epoch", "beat").first()
    return row or (0, 0)


def _takeover(holder: str, epoch: int, now: datetime) -> Entry:
    return Entry(
        action="taken",
        object_type="leader",
        object_id="1",
        object_version=epoch,
        actor=Actor("controller", holder, epoch),
        reason="The leader's beat stood still, or there was none.",
        at=now,
        after={"epoch": epoch, "holder": holder},
    )


@dataclass(slots=True)
class Watch:
    """A controller's view of the leader's beat, on its own monotonic clock.

    Invariant: the more often the lead went round lately, the longer a beat may stand still. A
    take-over starts every timer again (B3): on a machine so busy that a step takes longer than
    `TAKEOVER_SECONDS`, two controllers would take the lead from each other, and neither would ever
    come to a decision.
    """

    epoch: int = -1
    beat: int = -1
    changed: float = 0.0
    taken: tuple[float, ...] = ()

    def may_take(self, seen: tuple[int, int], now: float) -> bool:
        """Note what is seen; True once it has stood still for as long as it may."""
        if seen != (self.epoch, self.beat):
            self.note_epoch(seen[0], now)
            self.beat, self.changed = seen[1], now
            return False
        return now - self.changed >= self.patience(now)

    def note_epoch(self, epoch: int, now: float) -> None:
        """Who leads now, we or another. The first one took it from nobody."""
        if self.epoch > 0 and epoch != self.epoch:
            self.taken = (*self._lately(now), now)
        self.epoch = epoch

    def step_down(self) -> None:
        """We led until now: whoever does is looked at anew."""
        self.beat = -1

    def patience(self, now: float) -> float:
        """Seconds."""
        return min(TAKEOVER_MOST, TAKEOVER_SECONDS * max(1, len(self._lately(now))))

    def _lately(self, now: float) -> tuple[float, ...]:
        return tuple(at for at in self.taken if now - at < LATELY_SECONDS)
