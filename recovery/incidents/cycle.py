"""One look at every unresolved incident: load, decide, act."""

from __future__ import annotations

from datetime import datetime

from recovery.audit.facts import Actor
from recovery.core import control
from recovery.incidents import actions, queries
from recovery.incidents.decide import Judgement, Step, judge_incident
from recovery.incidents.models import Incident


def watch_incidents(*, actor: Actor, now: datetime) -> list[Incident]:
    """Mitigate, reopen or resolve what the facts say; the incidents that ended."""
    judgements = [judge_incident(fact) for fact in queries.incident_facts(now=now)]
    ended = []
    for judgement in judgements:
        if judgement.step is Step.NOTHING and not (judgement.now_whole or judgement.now_hurt):
            continue
        with control.deciding(actor.epoch):
            incident = Incident.objects.get(pk=judgement.incident)
            _act(incident, judgement, actor=actor, now=now)
            if judgement.step is Step.RESOLVE:
                ended.append(incident)
    return ended


def _act(incident: Incident, judgement: Judgement, *, actor: Actor, now: datetime) -> None:
    actions.mark_whole(incident=incident, members=dict(judgement.now_whole), actor=actor, now=now)
    actions.mark_hurt(incident=incident, members=dict(judgement.now_hurt), actor=actor, now=now)
    why = judgement.reason
    match judgement.step:
        case Step.MITIGATE:
            actions.mitigate_incident(incident=incident, actor=actor, reason=why, now=now)
        case Step.REOPEN:
            actions.reopen_incident(
                incident=incident, title=incident.title, actor=actor, reason=why, now=now
            )
        case Step.RESOLVE:
            actions.resolve_incident(incident=incident, actor=actor, reason=why, now=now)
        case Step.NOTHING:
            pass
