"""Tocsin's own database among those that are backed up: its places, its words, its alarms."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from recovery.alarms.models import Alarm
from recovery.backups import actions
from recovery.backups.cycle import hear_own, judge_promises
from recovery.backups.facts import OWN, StoreKind
from recovery.backups.models import BackupReplica, JobSight, OwnSight, Proof, Store
from recovery.backups.queries import own_facts, tickets
from recovery.core.errors import Refused
from recovery.core.wire.backups import BackupFact, StoreFact, StoreSpec
from recovery.inventory.models import Datacenter
from recovery.own.bundle import open_files, seal_files
from recovery.own.folder import OwnFolder, OwnProof, Report
from tests.actions.backups.ground import Ground, assign, later, make_ground, make_store
from tests.support.archives import write_base, write_wal
from tests.support.fleet import BY, NOW

pytestmark = pytest.mark.django_db
SITES = ("par1", "osu2", "mrs1")


@pytest.fixture
def ground() -> Ground:
    """Its replicas in the same three stores as a database's, and its log up to now in each."""
    made = make_ground()
    for number, site in enumerate(SITES, start=1):
        assign(None, number, Store.objects.get(name=f"s3-{site}"))
        store = made.stores[f"s3-{site}"]
        write_base(store, OWN, NOW - timedelta(hours=2))
        write_wal(store, OWN, upto=NOW, begin="0/2000000", end="0/2000200")
    return made


def state(number: int) -> str:
    return BackupReplica.objects.get(database=None, number=number).state


def alarms(kind: str) -> list[str]:
    rows = Alarm.objects.filter(key__startswith=f"backup:{OWN}:", key__endswith=kind)
    return list(rows.values_list("title", flat=True))


def test_its_points_are_read_and_its_promises_judged_as_any_databases(ground: Ground) -> None:
    ground.look(later(seconds=5))
    facts = own_facts()
    assert [one.point.at for one in facts.copies if one.point] == [NOW] * 3
    assert [state(number) for number in (1, 2)] == ["fresh", "fresh"]
    for minutes in (1, 16, 25):
        ground.look(later(minutes=minutes))
    assert state(1) == "page"
    assert alarms("1:late") == ["Tocsin: replica 1 in PAR1 could lose 25 min of 30 min promised"]
    assert JobSight.objects.filter(replica__database=None).count() == 0


def test_it_stands_where_its_replica_1_lies_unless_somebody_said_where(ground: Ground) -> None:
    assert own_facts().primary == "PAR1"
    with override_settings(TOCSIN_PLACE="OSU2"):
        assert own_facts().primary == "OSU2"
        ground.look(later(seconds=5))
        judge_promises(now=later(seconds=6))
        assert alarms("distance")
    with override_settings(TOCSIN_PLACE="nowhere"):
        assert own_facts().primary == "nowhere"


def test_two_in_one_store_and_two_in_one_site_are_refused(ground: Ground) -> None:
    with pytest.raises(Refused, match="lies in s3-par1 already"):
        assign(None, 2, Store.objects.get(name="s3-par1"))
    with pytest.raises(Refused, match=r"0\.00 km apart"):
        assign(None, 2, make_store("s3-other", "PAR1"))


def test_its_archivers_word_is_held_against_its_archive(ground: Ground, tmp_path: Path) -> None:
    ground.look(later(seconds=5))
    stores = tuple(
        StoreFact(name=f"s3-{site}", place="", missing=int(site == "osu2")) for site in SITES
    )
    fact = BackupFact(replica=OWN, database=OWN, state="streaming", stores=stores)
    OwnFolder(tmp_path).spool.mkdir(parents=True)
    hear_own(tmp_path)
    assert not OwnSight.objects.exists(), "nobody archives it here"
    OwnFolder(tmp_path).tell(Report(at=later(minutes=6), fact=fact, keys="No recovery key."))
    hear_own(tmp_path)
    assert OwnSight.objects.get().keys == "No recovery key."
    told = set(JobSight.objects.values_list("replica__number", flat=True))
    assert told == {1, 3}, "to replica 2 something is missing"
    judge_promises(now=later(minutes=6))
    assert alarms("1:frozen") == [
        "Tocsin, replica 1: the job says ok, and nothing new is restorable"
    ]
    assert not alarms("2:frozen")


@override_settings(TOCSIN_RPO_MINUTES=(4.0, 1.0, 2.0, 0.5))
def test_an_installation_that_promises_more_is_told_and_rung_sooner(ground: Ground) -> None:
    ground.look(later(seconds=5))
    ground.look(later(seconds=61))
    assert state(1) == "warn"
    ground.look(later(seconds=121))
    assert state(1) == "page"
    assert alarms("1:late") == ["Tocsin: replica 1 in PAR1 could lose 2 min of 4 min promised"]
    assert ground.state(3) != "page", "what is daily stays daily"


def test_no_host_is_asked_to_prove_it(ground: Ground) -> None:
    ground.look(later(seconds=5))
    own = {
        str(pk) for pk in BackupReplica.objects.filter(database=None).values_list("pk", flat=True)
    }
    assert not own & {one.key for one in tickets()}


def test_its_archivers_tests_become_proofs_once(ground: Ground, tmp_path: Path) -> None:
    ground.look(later(seconds=5))
    at = later(minutes=1)
    passed = OwnProof(begun=at, ended=at, canary=NOW, size=1000, seconds=2.0)
    failed = OwnProof(begun=at, ended=at, failure="It is altered.")
    OwnFolder(tmp_path).spool.mkdir(parents=True)
    fact = BackupFact(replica=OWN, database=OWN, state="streaming")
    OwnFolder(tmp_path).tell(Report(at=at, fact=fact, proofs={1: passed, 2: failed}))
    for _ in range(2):
        hear_own(tmp_path)
    rows = Proof.objects.order_by("replica__number").values_list("state", "said")
    assert [(state, said) for state, said in rows] == [
        ("passed", "It was restored, started, asked and read back."),
        ("failed", "It is altered."),
    ]
    judge_promises(now=later(minutes=2))
    assert alarms("2:disproved") == ["Tocsin, replica 2: its last restore test failed"]
    assert own_facts().copies[0].proven_at == at


def test_its_archiver_is_told_where_the_newest_snapshot_of_its_volume_can_be_read(
    ground: Ground, tmp_path: Path
) -> None:
    own = OwnFolder(tmp_path)
    own.put_store(1, StoreSpec(name="s3-par1", kind="folder", folder="/srv/s3-par1"))
    own.tell(Report(at=NOW, fact=BackupFact(replica=OWN, database=OWN, state="streaming")))
    replica = BackupReplica.objects.get(database=None, number=3)
    for day, volume in enumerate(("vol-1", "vol-2")):
        run = actions.begin_snapshot(
            replica=replica, slot=day, host=OWN, actor=BY, now=later(days=day)
        )
        assert run is not None
        actions.keep_snapshot(
            run=run, snapshot=f"snap-{day}", volume=volume, actor=BY, now=later(days=day)
        )
        hear_own(tmp_path)
        assert own.readable()[3].folder.endswith(f"/{volume}")
    assert set(own.stores()) == {1}, "nothing is written there"


def test_the_command_says_where_it_lies_and_makes_its_keys_once(tmp_path: Path) -> None:
    make_ground()
    make_bucket()
    with override_settings(VAR=tmp_path):
        call_command("own", "store", "s3-par1", "--number", "1", stdout=StringIO())
        call_command("own", "store", "cloud", "--number", "2", stdout=StringIO())
        keys = (tmp_path / "own/keys").read_bytes()
        call_command("own", "store", "cloud", "--number", "2", stdout=StringIO())
        with pytest.raises(CommandError, match="There is no store s3-lyon"):
            call_command("own", "store", "s3-lyon", "--number", "3")
        with pytest.raises(CommandError, match="lies in cloud already"):
            call_command("own", "store", "cloud", "--number", "3")
        call_command("own", "recovery-key", "--into", str(tmp_path / "usb"), stdout=StringIO())
    own = OwnFolder(tmp_path)
    assert {number: one.name for number, one in own.stores().items()} == {1: "s3-par1", 2: "cloud"}
    assert (tmp_path / "own/keys").read_bytes() == keys
    assert (tmp_path / "own/credentials").read_text() == "cloud writer words\n"
    sealed = seal_files({"a": b"b"}, own.recovery.read_text(), name="n")
    assert open_files(sealed, (tmp_path / "usb").read_text(), name="n") == {"a": b"b"}
    secret = [tmp_path / "usb", *(tmp_path / "own" / name for name in ("keys", "credentials"))]
    assert all(path.stat().st_mode & 0o077 == 0 for path in secret)
    assert "tocsin-recovery-key" not in own.recovery.read_text()


def make_bucket() -> None:
    actions.register_store(
        name="cloud",
        kind=StoreKind.S3,
        place=Datacenter.objects.get(name="OSU2"),
        address="http://s3.osu2.internal:8333",
        bucket="backups",
        credentials={"access_key": "writer", "secret_key": "words"},
        actor=BY,
        reason="test",
        now=NOW,
    )
