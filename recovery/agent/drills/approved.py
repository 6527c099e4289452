"""Does a drill want this? The plan's own bytes say it, and this host's own file of keys (I-DR-4).

Invariants: nothing stands here but what a plan of mode drill names as a target of realm drill, in a
step that would bring it about, and only by the signatures of enough pinned people under those very
bytes: of the step itself, or, of an application whose step takes none, of another step of the same
run. It is the data of the name, from the address, or the program with the command, that they read.
The control plane's rows are believed in nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from recovery.core.consent import Party, read_pins
from recovery.core.errors import BadConfiguration, BadMessage
from recovery.core.mandate import Mandate, SignedNeed, refuse_mandate
from recovery.core.wire.drills import ANY_VOLUME, DrillWish, what_of
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


class _Thing(msgspec.Struct, frozen=True):
    target: str
    what: dict[str, Any]


class _Plan(msgspec.Struct, frozen=True):
    mode: str
    steps: tuple[_Step, ...]
    things: tuple[_Thing, ...] = ()


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
        step = next((one for one in plan.steps if one.id == word.step), None)
        may_be_another = wish.database is None and step is not None and step.approval is None
        is_of_step = mandate.step == word.step or may_be_another
        if mandate.run != word.run or not is_of_step:
            return "its approvals are of another run or step."
        why = _refuse_act(wish, word, plan, step)
        if why or step is None:
            return why
        return _refuse_data(wish, step) or _refuse_what(wish, plan) or self._refuse_word(mandate)

    def _refuse_word(self, mandate: Mandate) -> str:
        """Data are people's, and a command is whatever it says: both were shown, and signed. A
        code, which proves nothing to a host, is no signature."""
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


def _refuse_what(wish: DrillWish, plan: _Plan) -> str:
    """What is begun is what people read, to the last word of its command or its address."""
    kind = "database" if wish.database is not None else "application"
    signed = next((one.what for one in plan.things if one.target == f"{kind}:{wish.target}"), None)
    if signed is None:
        return f"the plan does not say what is begun as {wish.target}."
    told = what_of(wish)
    for part in sorted(signed.keys() | told.keys()):
        was, now = signed.get(part), told.get(part)
        if not isinstance(was, dict) or now is None:
            return f"people signed another {part} than this."
        for name in sorted(was.keys() | now.keys()):
            is_same = was.get(name) == now.get(name) and (name in was) == (name in now)
            if not is_same and not _is_volume(part, name, was, now):
                return f"its {part}’s {name} is not what people signed."
    return ""


def _is_volume(part: str, name: str, signed: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """Of a snapshot the folder is signed in which such volumes appear; one of them is told."""
    folder, volume = str(signed.get(name, "")), PurePosixPath(str(told.get(name, "")))
    is_signed = (part, name) == ("store", "folder") and folder.endswith(ANY_VOLUME)
    is_one = volume.name not in {"", ".", ".."} and str(volume) == told.get(name)
    return is_signed and is_one and f"{volume.parent}{ANY_VOLUME}" == folder


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
