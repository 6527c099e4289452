"""Every Celery job, a few lines each. None stands in the path of detection or rescheduling.

Invariant: however long stores and providers take to answer, a hand of the worker is free for what
asks none of them: each kind of job that does is at work once (`ASKING`), and there are more hands
(CELERY_WORKER_CONCURRENCY). With stores that hung, two snapshot jobs once held both hands, and no
report of a run was written for five minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps

from celery import shared_task
from django.conf import settings
from django.core.management import call_command

from recovery.backups import actions as backups
from recovery.backups import cycle, forgetting, lending, snapshots
from recovery.core import clock
from recovery.core.alone import alone_with
from recovery.detection.facts import Part
from recovery.detection.queries import frozen_reason
from recovery.drp.actions import looks, reports
from recovery.failover.rounds import meter
from recovery.sealer import watch

BEGAN = clock.system.monotonic()
ASKING: list[str] = []
"""Jobs that ask stores or providers: one of each at a time."""


def _alone(job: Callable[[], None]) -> Callable[[], None]:
    ASKING.append(job.__name__)

    @wraps(job)
    def once() -> None:
        with alone_with(f"job:{job.__name__}") as is_ours:
            if is_ours:
                job()

    return once


@shared_task(ignore_result=True)
def forget_sessions() -> None:
    """Expired browser sessions go."""
    call_command("clearsessions")


@shared_task(ignore_result=True)
@_alone
def watch_backups() -> None:
    """Read every archive, then judge what was read and the time that has passed since."""
    cycle.read_archives(opened=cycle.open_store, now=clock.system.now())
    cycle.hear_own(settings.VAR)
    cycle.judge_promises(now=clock.system.now())


@shared_task(ignore_result=True)
@_alone
def keep_snapshots() -> None:
    """The provider's daily snapshots: one step of each. Volumes that nobody knows of go."""
    frozen = bool(frozen_reason(Part.RETENTION))
    snapshots.keep_snapshots(now=clock.system.now(), keeps_all=frozen)
    lending.sweep_volumes()
    if not frozen:
        forgetting.forget_exports(opened=cycle.open_store, now=clock.system.now())


@shared_task(ignore_result=True)
@_alone
def lend_volumes() -> None:
    """What restores out of the provider's snapshots wait for: one step of each."""
    lending.lend_volumes(now=clock.system.now())


@shared_task(ignore_result=True)
@_alone
def follow_backups() -> None:
    """How far each archive's log went on since it was read."""
    cycle.follow_archives(opened=cycle.open_store, now=clock.system.now())


@shared_task(ignore_result=True)
def forget_points() -> None:
    """The history of recovery points stays bounded."""
    backups.forget_points(now=clock.system.now())


@shared_task(ignore_result=True)
def watch_sealing() -> None:
    """Entries that no checkpoint covers in time ring, the sealer being gone too."""
    watch.watch_sealing(now=clock.system.now())


@shared_task(ignore_result=True)
def watch_meter() -> None:
    """Users of databases whom nobody asks any more ring."""
    up = timedelta(seconds=clock.system.monotonic() - BEGAN)
    meter.watch_meter(now=clock.system.now(), looked_for=up)


@shared_task(ignore_result=True)
def write_reports() -> None:
    """Of every run that has ended: its report, signed."""
    reports.write_due_reports(now=clock.system.now())


@shared_task(ignore_result=True)
def look_at_runbooks() -> None:
    """Once an hour each: whether it could be run now; and what was to be done by today."""
    looks.look_at_runbooks(now=clock.system.now())
