"""A drill as its page shows it: its hosts, what stands on them, and the proof that it is gone."""

from __future__ import annotations

from dataclasses import dataclass

from recovery.drp.drills.facts import HostSight
from recovery.drp.drills.models import DrillHost, DrillSight
from recovery.drp.drills.queries import host_sights
from recovery.drp.models import Run
from recovery.drp.queries.drilled import drill_facts
from recovery.drp.reports import document as doc
from recovery.drp.reports.drilled import drilled, proof


@dataclass(frozen=True, slots=True)
class DrillView:
    """`proof`: in one sentence, whether anything is left."""

    hosts: tuple[HostSight, ...]
    drill: doc.Drill
    proof: str
    is_over: bool

    @property
    def tone(self) -> str:
        """Until everything is seen gone nobody knows that it is."""
        is_open = self.is_over and self.drill.gone < self.drill.begun
        return "unknown" if is_open else ""


@dataclass(frozen=True, slots=True)
class DrillHostLine:
    """`left`: how many things of drills it reported last."""

    sight: HostSight
    left: int


def view_drill(row: Run, *, is_over: bool) -> DrillView | None:
    """None of what is no drill."""
    drill = drilled(drill_facts(row))
    if drill is None:
        return None
    said = proof(drill) if is_over else f"{drill.begun} begun; removed when the drill is over."
    return DrillView(host_sights(), drill, said, is_over)


def drill_hosts() -> tuple[DrillHostLine, ...]:
    """All that are there for drills."""
    left = {row.host_id: len(row.left) for row in DrillSight.objects.all()}
    keys = {str(row.pk): row.pk for row in DrillHost.objects.all()}
    return tuple(DrillHostLine(one, left.get(keys[one.key], 0)) for one in host_sights())
