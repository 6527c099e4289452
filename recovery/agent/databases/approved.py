"""Did people agree to this order? This host asks its own file of keys, and nobody else (I-DR-1).

Invariants: an order that says that a recovery plan wants it is carried out only where the plan's
own bytes, which enough pinned people signed for this run and step, name this act on this database;
a drill never touches a production host, nor anything else a drill's (I-DR-4). The keys are read
from this host's disk for every order, never from the control plane. An order of no plan is
failover's own, as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from recovery.core.consent import Party, Pin, read_pins
from recovery.core.errors import BadConfiguration, BadMessage
from recovery.core.mandate import refuse_mandate
from recovery.core.wire import DatabaseOrder
from recovery.core.wire.plans import PlanWord, unpack_mandate

Realm = Literal["production", "drill"]
ACTS: Mapping[str, frozenset[str]] = {
    "fence": frozenset({"fence_datacenter", "promote_databases"}),
    "promote": frozenset({"promote_databases"}),
    "restore": frozenset({"restore_databases"}),
    "adopt": frozenset({"restore_databases"}),
    "keep": frozenset({"keep_copies"}),
    "export": frozenset({"export_copies"}),
}
"""Which kinds of steps want what. Nothing else that an agent does is dangerous."""
BY_A_PLAN_ALONE = frozenset({"keep", "export"})
"""What nobody but people wants."""
NOBODY = Party("", frozenset())
REALMS: Mapping[str, Realm] = {"drill": "drill", "planned": "production", "disaster": "production"}


class _Target(msgspec.Struct, frozen=True):
    type: str
    id: str
    realm: str


class _Step(msgspec.Struct, frozen=True):
    id: str
    kind: str
    waves: tuple[tuple[_Target, ...], ...] = ()


class _Move(msgspec.Struct, frozen=True):
    target: _Target
    stores: tuple[str, ...] = ()


class _Plan(msgspec.Struct, frozen=True):
    mode: str
    steps: tuple[_Step, ...]
    moves: tuple[_Move, ...] = ()


@dataclass(frozen=True, slots=True)
class Approvals:
    """`pins`: the file of keys, None where this host has none; `party`: where approvals are signed;
    `realm`: what this host is there for."""

    pins: Path | None = None
    party: Party = NOBODY
    realm: Realm = "production"

    def refuse(self, order: DatabaseOrder) -> str:
        """Why it is not carried out; empty where it is."""
        if order.plan is None and order.verb in BY_A_PLAN_ALONE:
            return f"to {order.verb} data is a recovery plan's alone, and it is of none"
        if order.plan is None or order.verb not in ACTS:
            return ""
        try:
            pins = self._pins()
            mandate = unpack_mandate(order.plan.mandate)
        except (BadConfiguration, BadMessage) as error:
            return str(error)
        if (mandate.run, mandate.step) != (order.plan.run, order.plan.step):
            return "its approvals are of another run or step."
        if why := refuse_mandate(mandate, pins, self.party):
            return why
        return self._refuse_act(order, order.plan, mandate.plan)

    def _pins(self) -> tuple[Pin, ...]:
        if self.pins is None:
            raise BadConfiguration(
                "no keys of approvers are pinned on this host: nothing of a recovery plan that is"
                " dangerous is done here",
                field="pins",
            )
        try:
            return read_pins(self.pins.read_bytes())
        except OSError as error:
            said = f"the keys of approvers cannot be read ({self.pins}: {error.strerror})"
            raise BadConfiguration(said, field="pins") from error

    def _refuse_act(self, order: DatabaseOrder, word: PlanWord, raw: str) -> str:
        """The plan was signed: is this act in it?"""
        try:
            plan = msgspec.json.decode(raw, type=_Plan)
        except (msgspec.MsgspecError, RecursionError) as error:
            return f"the plan cannot be read: {error}"
        realm = REALMS.get(plan.mode)
        if realm != self.realm:
            return f"a {plan.mode} never touches a host of {self.realm}."
        step = next((one for one in plan.steps if one.id == word.step), None)
        if step is None or step.kind not in ACTS[order.verb]:
            return f"step {word.step} of the plan is none that would {order.verb} a database."
        targets = [target for wave in step.waves for target in wave]
        if any(target.realm != self.realm for target in targets):
            return f"step {word.step} is about targets that are not of {self.realm}."
        named = {target.id for target in targets if target.type == "database"}
        if step.kind != "fence_datacenter" and order.database.database not in named:
            return f"step {word.step} of the plan does not name {order.database.name}."
        return _refuse_stores(order, plan) if order.verb == "export" else ""


def _refuse_stores(order: DatabaseOrder, plan: _Plan) -> str:
    """People's data go where people said, in that order, and nowhere else."""
    moves = (one for one in plan.moves if one.target.id == order.database.database)
    signed = next((one.stores for one in moves), ())
    if order.stores == signed:
        return ""
    said, asked = (", ".join(each) or "no store by name" for each in (signed, order.stores))
    return f"{order.database.name} is exported into {said}, as people signed, and not into {asked}."
