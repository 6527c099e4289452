"""A drill host begins what people signed, to the last word of a command or an address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from recovery.agent.drills.approved import DrillApprovals
from recovery.core.mandate import Mandate
from recovery.core.wire.backups import RestoreSpec, StoreSpec
from recovery.core.wire.drills import OWN, DrillWish, what_of
from recovery.drp.facts import Kind
from recovery.drp.plan import Need, Plan, Thing
from tests.agent.databases.test_approved import mandate, word
from tests.agent.drills.test_drills import approvals, placed, restored, restoring, started
from tests.decisions.drp.steps import step

STORE = StoreSpec(name="osu2-store", kind="folder", folder="/srv/osu2")
VOLUMES = StoreSpec(name="cloud", kind="folder", folder="/mnt/volumes/*")


@pytest.fixture
def host(tmp_path: Path) -> DrillApprovals:
    return approvals(tmp_path)


def from_store(store: StoreSpec = STORE) -> DrillWish:
    restore = RestoreSpec(restore="r", store=store, key="k1", scratch=True)
    return msgspec.structs.replace(restored(), restore=restore)


def meant(plan: Plan, wish: DrillWish) -> Plan:
    """The plan that says that this is what is begun."""
    kind = "database" if wish.database is not None else "application"
    thing = Thing(f"{kind}:{wish.target}", what_of(wish))
    return msgspec.structs.replace(plan, things=(thing,))


def others(value: Any) -> Any:
    """Another one of the same kind."""
    if isinstance(value, msgspec.Struct):
        first = msgspec.structs.fields(value)[0].name
        return msgspec.structs.replace(value, **{first: others(getattr(value, first))})
    if isinstance(value, dict):
        return {**value, "LD_PRELOAD": "evil.so"}
    if isinstance(value, bool):
        return not value
    more = {int: 1, float: 1.0, str: "x", tuple: ("x",)}.get(type(value))
    return "x" if more is None else value + more


def altered(wish: DrillWish) -> Iterator[tuple[str, DrillWish]]:
    """Each with one field of one part changed, whatever fields there are."""
    for part in ("database", "restore", "container"):
        told = getattr(wish, part)
        for field in msgspec.structs.fields(told) if told is not None else ():
            if field.name not in OWN:
                changed = {field.name: others(getattr(told, field.name))}
                there = msgspec.structs.replace(told, **changed)
                yield f"{part}.{field.name}", msgspec.structs.replace(wish, **{part: there})
    if wish.restore is not None and (store := wish.restore.store) is not None:
        for field in msgspec.structs.fields(store):
            changed = {field.name: others(getattr(store, field.name))}
            there = msgspec.structs.replace(
                wish.restore, store=msgspec.structs.replace(store, **changed)
            )
            yield f"store.{field.name}", msgspec.structs.replace(wish, restore=there)


@pytest.mark.parametrize("kind", ["database", "application"])
def test_no_field_of_what_is_told_may_be_another_than_the_signed_one(
    host: DrillApprovals, kind: str
) -> None:
    plan, wish = (restoring(), from_store()) if kind == "database" else (placed(), started())
    signed = word(mandate(meant(plan, wish)))
    assert host.refuse(wish, [signed]) == ""
    ways = dict(altered(wish))
    assert {"store.folder", "restore.key", "database.version"} <= set(ways) or kind != "database"
    assert {"container.command", "container.environment"} <= set(ways) or kind == "database"
    for way, lying in ways.items():
        why = host.refuse(lying, [signed])
        assert "not what people signed" in why or "the plan names" in why, way


def test_what_the_plan_does_not_tell_word_by_word_is_not_begun(host: DrillApprovals) -> None:
    silent = msgspec.structs.replace(placed(), things=())
    assert "does not say what is begun" in host.refuse(started(), [word(mandate(silent))])
    bare = msgspec.structs.replace(from_store(), restore=None)
    assert host.refuse(bare, [word(mandate(meant(restoring(), from_store())))]) != ""
    more = msgspec.structs.replace(
        placed(), things=(Thing("application:id-shop", {**what_of(started()), "restore": {}}),)
    )
    assert "people signed another restore" in host.refuse(started(), [word(mandate(more))])


@pytest.mark.parametrize(
    ("folder", "is_one"),
    [
        ("/mnt/volumes/vol-1", True),
        ("/mnt/volumes/../../etc", False),
        ("/mnt/volumes/..", False),
        ("/mnt/volumes", False),
        ("/mnt/volumes/a/b", False),
        ("/mnt/volumes//vol-1", False),
        ("/srv/production", False),
    ],
)
def test_of_a_snapshot_one_of_its_volumes_is_told_and_nothing_else(
    host: DrillApprovals, folder: str, is_one: bool
) -> None:
    signed = word(mandate(meant(restoring(), from_store(VOLUMES))))
    told = from_store(msgspec.structs.replace(VOLUMES, folder=folder))
    assert (host.refuse(told, [signed]) == "") == is_one


def two(approval: Need | None = None) -> Plan:
    """A fence that is signed, and then an application, of which nobody is asked."""
    there = placed(approval=approval)
    fence = step(Kind.FENCE_DATACENTER, "fence", (("PAR1",),), "drill")
    return msgspec.structs.replace(there, steps=(fence, *there.steps))


def test_what_nobody_is_asked_about_is_started_by_another_steps_signatures_or_not_at_all(
    host: DrillApprovals,
) -> None:
    signed = mandate(two(), step="fence")
    assert host.refuse(started(), [word(signed)]) == ""
    nobody = msgspec.structs.replace(signed, yeses=())
    assert "0 of 1 people have signed it." in host.refuse(started(), [word(nobody)])
    lying = msgspec.structs.replace(signed, plan=signed.plan.replace("{port}", "{host}"))
    assert host.refuse(started(), [word(lying)]) != "", "another plan than the signed one"
    elsewhere = msgspec.structs.replace(signed, run=signed.run.replace("1", "2"))
    assert "of another run or step" in host.refuse(started(), [word(elsewhere)])
    own = mandate(two(Need("approver", 1)), step="fence")
    assert "of another run or step" in host.refuse(started(), [word(own)])


def test_data_come_by_the_signatures_of_their_own_step_alone(host: DrillApprovals) -> None:
    plan = meant(restoring(), from_store())
    fence = step(Kind.FENCE_DATACENTER, "fence", (("PAR1",),), "drill")
    there = msgspec.structs.replace(plan, steps=(fence, *plan.steps))
    by_fence: Mandate = mandate(there, step="fence")
    assert "of another run or step" in host.refuse(from_store(), [word(by_fence)])
    assert host.refuse(from_store(), [word(mandate(there))]) == ""
