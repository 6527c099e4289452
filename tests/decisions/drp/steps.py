"""Plans of a few steps, made by hand."""

from __future__ import annotations

import msgspec

from recovery.drp.facts import DANGEROUS, Kind, Mode, OnFailure, Stage
from recovery.drp.plan import Gate, Need, Plan, PlannedStep, Realm, Target

ACTING = [kind for kind in Kind if kind is not Kind.FOR_EACH]


def target(name: str, realm: Realm = "production") -> Target:
    return Target("database", f"id-{name}", name, 7, realm)


def step(
    kind: Kind = Kind.PLACE_APPLICATIONS,
    id: str = "one",
    targets: tuple[tuple[str, ...], ...] = (("a",),),
    realm: Realm = "production",
    **changes: object,
) -> PlannedStep:
    there = PlannedStep(
        id=id,
        title=f"Step {id}",
        kind=kind,
        stage=Stage.RECOVERY,
        owner="responder",
        timeout=600,
        retries=0,
        on_failure=OnFailure.ASK,
        needs=(),
        params={},
        waves=tuple(tuple(target(name, realm) for name in wave) for wave in targets),
        undo="It is taken back.",
        approval=Need("approver", 1) if kind in DANGEROUS or kind is Kind.APPROVAL else None,
        gate=Gate("databases_serve", 100) if len(targets) > 1 else None,
    )
    return msgspec.structs.replace(there, **changes)


def plan(*steps: PlannedStep, mode: Mode = Mode.DISASTER) -> Plan:
    realm: Realm = "drill" if mode is Mode.DRILL else "production"
    site = Target("datacenter", "1", "PAR1", 1, realm)
    other = Target("datacenter", "2", "OSU2", 1, realm)
    return Plan("r", 1, "0" * 64, mode, site, other, "PAR1 is dark.", steps)
