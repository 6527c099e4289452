"""What a returned copy holds beyond its primary is exported, and only then let go, if at all."""

from __future__ import annotations

import asyncio
import tarfile
from datetime import datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from django.test import Client

from recovery.adapters.backups.directory import DirectoryStore
from recovery.audit.models import AuditEntry
from recovery.backups.actions import assign_replica, register_store
from recovery.backups.exports import EXPORTED_FOR, Export
from recovery.backups.facts import StoreKind
from recovery.backups.forgetting import forget_exports
from recovery.backups.models import ArchiveSight, JobSight, Store
from recovery.core.archive.exports import contents_of, digest_of_all, part_of
from recovery.core.clock import system
from recovery.core.errors import Refused
from recovery.core.ports import ObjectStore
from recovery.core.wire.backups import ExportResult
from recovery.drp.models import Act
from recovery.drp.press import Press
from recovery.drp.queries.people import database_now
from recovery.gateway.plans import plan_words
from recovery.inventory.models import Database, Datacenter
from recovery.operations.facts import Verb
from recovery.operations.models import Operation
from tests.actions.drp.hands import test_returning
from tests.actions.drp.hands.test_returning import BACK, go_back, rejoins, start_them
from tests.actions.drp.losing import Loss
from tests.actions.drp.test_promoting import approve
from tests.dashboard.drp.conftest import text
from tests.support.fleet import BY

pytestmark = pytest.mark.django_db
loss = test_returning.loss
STORE = "osu2-store"
EXPORT = """\
  - id: export
    title: Export
    stage: activation
    owner: approver
    timeout: 1h
    undo: Nothing changes.
    approval: {role: approver, count: 1}
    do: {kind: export_copies, select: {of: lost}}
  - id: lift
"""


@pytest.fixture
def store(loss: Loss, tmp_path: Path) -> Path:
    """A folder, where the agents of this test write to: the second store of the database's. The
    first is in the datacenter that came back, and is heard as well."""
    for number, (name, site) in enumerate((("par1-store", "PAR1"), (STORE, "OSU2")), start=1):
        folder = tmp_path / name
        folder.mkdir()
        row = register_store(
            name=name,
            kind=StoreKind.DIRECTORY,
            place=Datacenter.objects.get(name=site),
            address=str(folder),
            actor=BY,
            reason="The lab's.",
            now=loss.play.now,
        )
        replica = assign_replica(
            database=Database.objects.get(), number=number, store=row, actor=BY, reason="test",
            now=loss.play.now,
        )  # fmt: skip
        at = database_now()
        ArchiveSight.objects.update_or_create(replica=replica, defaults=read_at(at))
        JobSight.objects.create(replica=replica, ok_at=at)
    loss.play.exports = lambda op: written(folder, str(op.pk))
    return folder


def read_at(at: datetime) -> dict[str, object]:
    return {"read_at": at, "looked_at": at, "error": ""}


def written(store: Path, export: str, said: str = STORE) -> str:
    """As an agent leaves and tells it, of the store of this name."""
    names = [contents_of("orders", export), part_of("orders", export, 0)]
    for name in names:
        (store / name).parent.mkdir(parents=True, exist_ok=True)
        (store / name).write_bytes(name.encode())
    told = ExportResult(
        export=export,
        store=said,
        objects=2,
        bytes=sum(map(len, names)),
        digest=digest_of_all({name: sha256(name.encode()).hexdigest() for name in names}),
        files=6,
        plain=60_000,
        said="3 transactions. public.orders: 3 rows.",
    )
    return msgspec.json.encode(told).decode()


@pytest.fixture
def back(loss: Loss, store: Path) -> Loss:
    """The way back, on which orders is exported first."""
    steps = BACK.replace("  - id: lift\n", EXPORT, 1).replace("[keep]", "[keep, export]")
    key = frozenset({str(Database.objects.get().pk)})
    plan = go_back(loss, frozenset(), key, steps)
    assert [move.choice for move in plan.moves if move.held] == ["export"]
    loss.until(lambda: bool(loss.ground.step("keep").state == "done"))  # of nothing
    return loss


def opened(row: Store) -> ObjectStore:
    return DirectoryStore(row.name, Path(row.address))


def exported(back: Loss) -> list[Export]:
    approve(back, "export")
    back.until(lambda: bool(back.ground.step("export").state == "done"))
    return list(Export.objects.order_by("replica"))


def test_it_is_exported_then_people_are_asked_again_and_see_that_it_is(back: Loss) -> None:
    rows = exported(back)
    assert [(row.replica, row.bytes, row.files) for row in rows] == [
        ("orders-1", rows[0].bytes, 6),
        ("orders-2", rows[0].bytes, 6),
    ]
    orders = Operation.objects.filter(verb=Verb.EXPORT)
    assert set(plan_words(orders)) == {op.pk for op in orders}, "they leave with signatures"
    assert (
        "2 exported. orders-1 on par1-r1-h1: 0.0 MB in osu2-store"
        in back.ground.step("export").said
    )
    approve(back, "lift")
    start_them(back)
    back.until(lambda: bool(back.ground.step("discard").state == "asking"))
    assert rejoins() == 0, "nobody has said yet that they may follow"
    client = Client()
    client.force_login(User.objects.get(username="bruno"))
    asked = text(client.get(f"/recovery/approve/{back.ground.ask('discard').pk}/"))
    assert "exported, sealed; whether it follows again is asked after that" in asked
    assert "An export of" in asked
    assert "No export of it is there" not in asked
    approve(back, "discard")
    back.until(lambda: bool(back.ground.step("discard").state == "done"))
    assert rejoins() == 2


def test_what_cannot_be_exported_is_said_and_nothing_is_let_go_or_listed(back: Loss) -> None:
    back.play.refuses["export"] = "no store took it. osu2-store: No space for it."
    approve(back, "export")
    back.until(lambda: bool(back.ground.run.state == "paused"))
    said = Act.objects.get(step__name="export").said
    assert "no store took it. osu2-store: No space for it. The copy stays as it is." in said
    assert not Export.objects.exists()
    back.ground.press(Press.SKIP, "bruno", step="export", reason="Never mind.")
    back.ground.press(Press.RESUME)
    approve(back, "lift")
    approve(back, "discard")
    back.until(lambda: bool(back.ground.step("discard").state == "failed"))
    said = Act.objects.get(step__name="discard").said
    assert said == "What orders holds there was to be exported first, and is not."
    assert rejoins() == 0


@pytest.mark.parametrize("point", ["after_intent", "after_act", "before_record"])
def test_a_leader_that_dies_in_it_orders_and_notes_each_once(back: Loss, point: str) -> None:
    back.until(lambda: bool(back.ground.step("export").state == "asking"))
    back.fail(point, 1)
    rows = exported(back)
    assert Operation.objects.filter(verb=Verb.EXPORT).count() == len(rows) == 2


def person(name: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(username=name))
    return client


def taken(client: Client, row: Export, reason: str = "The lost orders.") -> Any:
    return client.post(f"/databases/orders/exports/{row.pk}/", {"reason": reason})


def read(answer: Any) -> bytes:
    async def all_of_it() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    return asyncio.run(all_of_it())


def test_who_may_and_says_why_takes_it_away_as_it_lies_there(back: Loss, store: Path) -> None:
    row, bruno = exported(back)[0], person("bruno")
    page = text(bruno.get("/databases/orders/exports/"))
    assert "3 transactions. public.orders: 3 rows." in page
    assert taken(bruno, row, "").status_code == 422
    answer = taken(bruno, row)
    assert answer["Content-Disposition"].endswith('.export.tar"')
    with tarfile.open(fileobj=BytesIO(read(answer))) as tar:
        assert all(tar.extractfile(one).read() == one.name.encode() for one in tar)  # type: ignore[union-attr]
        assert len(tar.getnames()) == 2
    entry = AuditEntry.objects.filter(object_type="export", body__action="taken away").get()
    assert (entry.body["actor"]["id"], entry.body["reason"]) == ("bruno", "The lost orders.")
    assert taken(person("amelie"), row).status_code == 403, "a responder may not"


def test_what_is_not_as_it_was_written_is_not_taken_for_it(back: Loss, store: Path) -> None:
    row, bruno = exported(back)[0], person("bruno")
    part = store / part_of("orders", str(row.operation), 0)
    part.write_bytes(part.read_bytes()[::-1])
    with pytest.raises(Refused, match="is not what the agent of par1-r1-h1 wrote"):
        read(taken(bruno, row))
    part.unlink()
    assert "It is not whole in osu2-store: 1 of 2 objects" in text(taken(bruno, row))
    store.rename(store.with_name("gone"))
    assert "osu2-store cannot be read now" in text(taken(bruno, row))
    assert AuditEntry.objects.filter(object_type="export", body__action="taken away").count() == 1


def test_after_its_time_it_leaves_its_store_and_what_nobody_knows_does_too(
    back: Loss, store: Path
) -> None:
    row, _ = exported(back)
    stray = store / part_of("orders", "0a1b", 3)
    stray.parent.mkdir()
    stray.write_bytes(b"broken off")
    backup = store / "orders" / "7" / "base"
    backup.mkdir(parents=True)
    (backup / "part-00000").write_bytes(b"a backup")
    assert forget_exports(opened=opened, now=system.now()) == 0
    assert stray.exists()
    then = max(system.now(), row.made_at) + EXPORTED_FOR + timedelta(minutes=1)
    assert forget_exports(opened=opened, now=then) == 2
    assert [path for path in store.rglob("*") if path.is_file()] == [backup / "part-00000"]
    assert "gone" in text(person("bruno").get("/databases/orders/exports/"))
