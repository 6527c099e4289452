"""Does a drill want this? The plan's own bytes say it, and this host's own file of keys (I-DR-4).

Invariants: nothing stands here but what a plan of mode drill names as a target of realm drill, in a
step that would bring it about; a copy of anybody's data, and whatever a step that takes an approval
brings about, comes here only by the signatures of enough pinned people under those bytes, and it is
the data of the name that they read. The control plane's rows are believed in nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from recovery.core.consent import Party, read_pins
from recovery.core.errors import BadConfiguration, BadMessage
from recovery.core.mandate import Mandate, SignedNeed, refuse_mandate
from recovery.core.wire.drills import DrillWish
from recovery.core.wire.plans import PlanWord, unpack_mandate

KINDS: Mapping[str, frozenset[str]] = {
    "database": frozenset({"promote_databases", "restore_databases"}),
    "application": frozenset({"place_applications"}),
}
"""Which steps bring what about. In place of a promotion, which would be production's, a copy of the
database is restored."""


class _Target(msgspec.Struct, frozen=True):
    type: str
    id: str
    name: str
    realm: str


class _Step(msgspec.Struct, frozen=True):
    id: str
    kind: str
    waves: tuple[tuple[_Target, ...], ...] = ()
    approval: SignedNeed | None = None


class _Plan(msgspec.Struct, frozen=True):
    mode: str
    steps: tuple[_Step, ...]


@dataclass(frozen=True, slots=True)
class DrillApprovals:
    """`pins`: the file of keys, None where this host has none."""

    pins: Path | None
    party: Party

    def refuse(self, wish: DrillWish, words: Sequence[PlanWord]) -> str:
        """Why it does not stand here; empty where it may."""
        if not 0 <= wish.word < len(words):
            return "it rests on nobody's word."
        word = words[wish.word]
        try:
            mandate = unpack_mandate(word.mandate)
            plan = msgspec.json.decode(mandate.plan, type=_Plan)
        except (BadMessage, msgspec.MsgspecError, RecursionError) as error:
            return f"its plan cannot be read: {error}"
        if (mandate.run, mandate.step) != (word.run, word.step):
            return "its approvals are of another run or step."
        step = next((one for one in plan.steps if one.id == word.step), None)
        why = _refuse_act(wish, word, plan, step)
        if why or step is None or (wish.database is None and step.approval is None):
            return why
        return _refuse_data(wish, step) or self._refuse_word(mandate)

    def _refuse_word(self, mandate: Mandate) -> str:
        """Data are people's: who may see them here was asked for, and signed. So was what a step
        takes an approval for; a code, which proves nothing to a host, is none."""
        if self.pins is None:
            return "no keys of approvers are pinned on this host: nothing signed comes here."
        try:
            return refuse_mandate(mandate, read_pins(self.pins.read_bytes()), self.party)
        except (BadConfiguration, OSError) as error:
            return f"the keys of approvers cannot be read: {error}"


def is_plain(name: str) -> bool:
    """It may be a folder's."""
    return 0 < len(name) <= 100 and name.replace("-", "").isalnum()


def _refuse_data(wish: DrillWish, step: _Step) -> str:
    """What is opened in a store has the name that people signed, not only its id; and what is
    staged of it stays in its drill's own folder."""
    if wish.database is None:
        return ""
    if wish.restore is None or not is_plain(wish.restore.restore):
        return "its restore's name is no folder's."
    names = {one.name for wave in step.waves for one in wave if one.id == wish.target}
    if names != {wish.database.name}:
        said = ", ".join(sorted(names))
        return f"it would open the data of {wish.database.name}; the plan names {said}."
    return ""


def _refuse_act(wish: DrillWish, word: PlanWord, plan: _Plan, step: _Step | None) -> str:
    kind = "database" if wish.database is not None else "application"
    targets = [target for wave in step.waves for target in wave] if step else []
    named = {(one.type, one.id) for one in targets}
    meant = wish.database.database if wish.database is not None else wish.target
    no = (
        (plan.mode != "drill", f"a {plan.mode} never touches a host of drill."),
        (
            (wish.database is None) == (wish.container is None),
            "it is neither a database nor an application.",
        ),
        (
            step is None or step.kind not in KINDS[kind],
            f"step {word.step} of the plan is none that brings any {kind} about.",
        ),
        (
            any(target.realm != "drill" for target in targets),
            f"step {word.step} is about targets that are not of drill.",
        ),
        (
            (kind, wish.target) not in named or (kind, meant) not in named,
            f"step {word.step} of the plan does not name {meant}.",
        ),
    )
    return next((said for holds, said in no if holds), "")
