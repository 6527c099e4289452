"""What answers again behind the fence that a plan raised, and how it goes back.

Invariant: only what is heard is said to answer, and no way back is offered twice: where a run that
takes one is prepared or goes on, it is that run.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from recovery.drp.facts import ENDED, Mode
from recovery.drp.models import Run
from recovery.drp.views.starts import ReturnLine, find_book, returns
from recovery.failover.queries import FenceView
from recovery.inventory.facts import ReplicaState, Verdict
from recovery.inventory.models import Host, Replica


@dataclass(frozen=True, slots=True)
class Behind:
    """A datacenter of which `heard` of `hosts` hosts answer behind its fence. `copies`: of
    databases, set apart there; `databases`: whose they are, by name; `going`: the run that takes it
    back, if one is prepared or goes on, with its name; `ways`: what may be taken back else, for
    which `no_book` is in force."""

    fence: FenceView
    heard: int
    hosts: int
    copies: int
    databases: tuple[str, ...]
    going: tuple[int, str] | None
    ways: tuple[ReturnLine, ...]
    no_book: bool = False

    @property
    def site(self) -> str:
        return self.fence.site

    @property
    def answers(self) -> str:
        if self.heard == self.hosts:
            return (
                "its one host answers" if self.hosts == 1 else f"all its {self.hosts} hosts answer"
            )
        return f"{self.heard} of its {self.hosts} hosts answer{'s' if self.heard == 1 else ''}"

    @property
    def holds(self) -> str:
        """What stands still there."""
        if not self.copies:
            return "no copy of a database is there"
        many = "1 copy of a database is" if self.copies == 1 else f"{self.copies} copies are"
        return f"{many} set apart"

    @property
    def said(self) -> str:
        return f"{self.answers}; nothing there leads or serves, and {self.holds}."

    @property
    def told(self) -> str:
        part = "" if self.heard == self.hosts else " in part"
        return f"{self.site} is back{part}, behind the fence of {self.fence.run}: {self.said}"


def behind_fences(fences: Collection[FenceView], lost: Collection[str]) -> tuple[Behind, ...]:
    """Of these fences, of those whose datacenter is none of the lost ones and answers at all."""
    wanted = [fence for fence in fences if fence.site not in lost]
    found = returns() if wanted else ()
    seen = (_behind(fence, found) for fence in wanted)
    return tuple(one for one in seen if one.heard)


def _behind(fence: FenceView, found: Collection[ReturnLine]) -> Behind:
    hosts = Host.objects.filter(datacenter__name=fence.site).exclude(verdict=Verdict.ENROLLING)
    copies = Replica.objects.filter(host__in=hosts).exclude(state=ReplicaState.RETIRED)
    names = list(copies.order_by("database__name").values_list("database__name", flat=True))
    back = Run.objects.filter(into=fence.site, mode=Mode.PLANNED).exclude(state__in=sorted(ENDED))
    run = back.defer("plan").order_by("-number").first()
    ways = tuple(one for one in found if one.into == fence.site)
    return Behind(
        fence=fence,
        heard=hosts.filter(verdict=Verdict.ALIVE).count(),
        hosts=hosts.count(),
        copies=len(names),
        databases=tuple(dict.fromkeys(names)),
        going=(run.number, str(run)) if run else None,
        ways=ways,
        no_book=bool(ways) and find_book("return") is None,
    )
