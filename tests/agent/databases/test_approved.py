"""What an agent does of a recovery plan: what pinned people signed, and nothing else."""

from __future__ import annotations

import asyncio
import zlib
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import msgspec
import pytest

from recovery.agent.backups.ordered import Restores
from recovery.agent.config import load
from recovery.agent.databases.approved import Approvals
from recovery.agent.databases.orders import DatabaseOrders
from recovery.agent.databases.replica import Replica
from recovery.agent.desired import Book
from recovery.agent.journal import Journal
from recovery.agent.keeper import Keeper
from recovery.agent.orders import Orders
from recovery.core import wire
from recovery.core.clock import system
from recovery.core.consent import Pin, Word, write_pins
from recovery.core.errors import BadConfiguration
from recovery.core.mandate import Mandate, Yes
from recovery.core.ports import Place
from recovery.core.wire.plans import PlanWord, pack_mandate
from recovery.drp.facts import Kind, Mode
from recovery.drp.plan import Plan, Realm, Target, canonical, digest
from tests.decisions.drp.steps import plan, step
from tests.support.passkeys import PARTY, Passkey

RUN, NONCE = "11111111-2222-3333-4444-555555555555", "cd" * 32
KEYS = {who: Passkey(who) for who in ("amelie", "bruno", "emil")}
PINS = [key.pin for key in KEYS.values()]


def made(
    kind: Kind = Kind.PROMOTE_DATABASES,
    mode: Mode = Mode.DISASTER,
    realm: Realm = "production",
    names: tuple[str, ...] = ("orders", "ident"),
) -> Plan:
    """amelie asked for it, emil wrote it."""
    there = plan(step(kind, "one", (names,), realm), mode=mode)
    return msgspec.structs.replace(there, requester="amelie", last_editor="emil")


def mandate(there: Plan, who: str = "bruno", run: str = RUN, step: str = "one") -> Mandate:
    word = Word(digest(there), run, step, who, NONCE)
    yes = Yes(who, NONCE, KEYS[who].sign(word))
    return Mandate(canonical(there).decode(), run, step, (yes,))


def order(
    verb: wire.DatabaseVerb = "promote",
    database: str = "id-orders",
    word: PlanWord | None = None,
    operation: str = "op-1",
) -> wire.DatabaseOrder:
    spec = wire.DatabaseSpec(
        replica="r", database=database, name=database.removeprefix("id-"), engine="postgresql",
        version="18", role="standby", epoch=2, port=5432, secret="s" * 32, members=(),
    )  # fmt: skip
    return wire.DatabaseOrder(operation=operation, epoch=1, verb=verb, database=spec, plan=word)


def word(found: Mandate, run: str = RUN, step: str = "one") -> PlanWord:
    return PlanWord(run=run, step=step, mandate=pack_mandate(found))


@pytest.fixture
def approvals(tmp_path: Path) -> Approvals:
    return with_pins(tmp_path, PINS)


def with_pins(folder: Path, pins: Sequence[Pin], realm: Realm = "production") -> Approvals:
    path = folder / "approvers.json"
    path.write_bytes(write_pins(pins))
    return Approvals(path, PARTY, realm)


def test_what_enough_pinned_people_signed_is_done(approvals: Approvals) -> None:
    assert approvals.refuse(order(word=word(mandate(made())))) == ""
    for kind, verb in (
        (Kind.FENCE_DATACENTER, "fence"),
        (Kind.PROMOTE_DATABASES, "fence"),
        (Kind.RESTORE_DATABASES, "restore"),
        (Kind.RESTORE_DATABASES, "adopt"),
        (Kind.KEEP_COPIES, "keep"),
        (Kind.EXPORT_COPIES, "export"),
    ):
        there = word(mandate(made(kind)))
        assert approvals.refuse(order(cast("wire.DatabaseVerb", verb), word=there)) == ""


def test_an_order_of_no_plan_is_failovers_own_with_and_without_a_file_of_keys(
    approvals: Approvals,
) -> None:
    for verb in ("ask", "fence", "promote", "restart", "rejoin", "restore", "adopt", "discard"):
        plain = order(verb)
        assert approvals.refuse(plain) == Approvals().refuse(plain) == ""


@pytest.mark.parametrize("verb", ["keep", "export"])
def test_data_are_put_aside_and_exported_for_people_alone(
    approvals: Approvals, verb: wire.DatabaseVerb
) -> None:
    said = f"to {verb} data is a recovery plan's alone, and it is of none"
    assert approvals.refuse(order(verb)) == Approvals().refuse(order(verb)) == said
    for another in (Kind.PROMOTE_DATABASES, Kind.DISCARD_COPIES):
        there = order(verb, word=word(mandate(made(another))))
        assert f"is none that would {verb} a database" in approvals.refuse(there)


def test_without_a_file_of_keys_nothing_of_a_plan_is_done_and_the_reason_is_told(
    tmp_path: Path,
) -> None:
    asked = order(word=word(mandate(made())))
    assert "no keys of approvers are pinned on this host" in Approvals().refuse(asked)
    gone = Approvals(tmp_path / "nowhere.json", PARTY)
    assert "cannot be read" in gone.refuse(asked)
    (tmp_path / "nowhere.json").write_bytes(b"[{}]")
    assert "cannot be read" in gone.refuse(asked)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (order(word=PlanWord(run=RUN, step="one", mandate="")), "nobody's approval"),
        (order(word=PlanWord(run=RUN, step="one", mandate="%")), "no mandate"),
        (order(word=word(mandate(made()), run=NONCE)), "of another run or step"),
        (order(word=word(mandate(made()), step="two")), "of another run or step"),
        (order(word=word(mandate(made(), run=RUN.replace("1", "9")))), "of another run or step"),
        (order(word=word(mandate(made(), who="amelie"))), "0 of 1 people have signed it."),
        (order(word=word(mandate(made(), who="emil"))), "0 of 1 people have signed it."),
        (order("fence", word=word(mandate(made(Kind.RESTORE_DATABASES)))), "would fence"),
        (order("promote", word=word(mandate(made(Kind.FENCE_DATACENTER)))), "would promote"),
        (order(database="id-other", word=word(mandate(made()))), "does not name other."),
        (order(word=word(mandate(made(mode=Mode.SIMULATION)))), "A simulation is not carried out"),
    ],
)
def test_what_nobody_signed_is_refused_with_its_reason(
    approvals: Approvals, asked: wire.DatabaseOrder, said: str
) -> None:
    assert said in approvals.refuse(asked)


def test_a_forged_or_altered_plan_is_refused(approvals: Approvals, tmp_path: Path) -> None:
    there = made()
    stranger = Passkey("bruno")
    forged = Yes("bruno", NONCE, stranger.sign(Word(digest(there), RUN, "one", "bruno", NONCE)))
    by_stranger = Mandate(canonical(there).decode(), RUN, "one", (forged,))
    assert "0 of 1 people" in approvals.refuse(order(word=word(by_stranger)))
    signed = mandate(there)
    more = canonical(made(names=("orders", "ident", "other"))).decode()
    altered = msgspec.structs.replace(signed, plan=more)
    assert "0 of 1 people" in approvals.refuse(order(database="id-other", word=word(altered)))
    nobody = msgspec.structs.replace(signed, yeses=())
    assert "0 of 1 people" in approvals.refuse(order(word=word(nobody)))
    unpinned = with_pins(tmp_path, [KEYS["amelie"].pin])
    assert "0 of 1 people" in unpinned.refuse(order(word=word(signed)))


def test_a_bomb_is_no_mandate(approvals: Approvals) -> None:
    bomb = b64encode(zlib.compress(b"[" * 50_000_000)).decode()
    assert len(bomb) < wire.MAX_FRAME
    said = approvals.refuse(order(word=PlanWord(run=RUN, step="one", mandate=bomb)))
    assert "more than 8388608 bytes" in said


def test_a_plan_of_a_thousand_databases_fits_into_a_frame(approvals: Approvals) -> None:
    names = tuple(f"base-{n:04d}" for n in range(1000))
    asked = order(database="id-base-0999", word=word(mandate(made(names=names))))
    assert len(wire.encode(asked)) < wire.MAX_FRAME
    assert approvals.refuse(asked) == ""


# ------------------------------------------------------------------ drills (I-DR-4)


def test_a_drill_never_touches_a_production_host_and_nothing_else_a_drills(
    approvals: Approvals, tmp_path: Path
) -> None:
    drill = word(mandate(made(mode=Mode.DRILL, realm="drill")))
    said = "a drill never touches a host of production."
    assert approvals.refuse(order(word=drill)) == said
    there = with_pins(tmp_path, PINS, "drill")
    assert there.refuse(order(word=drill)) == ""
    mixed = word(mandate(made(mode=Mode.DRILL, realm="production")))
    assert "targets that are not of drill" in there.refuse(order(word=mixed))
    real = word(mandate(made()))
    assert there.refuse(order(word=real)) == "a disaster never touches a host of drill."


def test_a_thousand_production_ids_injected_into_a_drill_have_no_effect_on_an_agent(
    approvals: Approvals, tmp_path: Path
) -> None:
    touched: list[str] = []

    def replica(name: str) -> Replica | None:
        touched.append(name)
        return None

    told: list[wire.Outcome] = []
    restores = Restores(tmp_path, lambda spec: cast("Place", None), lambda: None, lambda _: False)
    databases = DatabaseOrders(replica, system, restores, approvals)
    book = Book(tmp_path / "desired.json", in_quarantine=False)
    names = tuple(f"prod-{n}" for n in range(1000))
    drill = word(mandate(made(mode=Mode.DRILL, realm="production", names=names)))

    async def inject() -> None:
        orders = Orders(
            Journal(tmp_path / "journal.jsonl", "b"), book, cast("Keeper", None), system,
            boot="b", tell=told.append, databases=databases,
        )  # fmt: skip
        for n, name in enumerate(names):
            await orders.take(order(database=f"id-{name}", word=drill, operation=f"op-{n}"))
        await orders.close()

    asyncio.run(inject())
    assert len(told) == 1000
    assert {(one.state, one.detail) for one in told} == {
        ("refused", "approval: a drill never touches a host of production.")
    }
    assert touched == []


# ------------------------------------------------------------------ the host's own file


@pytest.mark.parametrize(
    ("line", "said"),
    [('realm = "test"', "production or drill"), ('pins = "/etc/p"', "party and origins, too")],
)
def test_a_host_says_by_its_own_file_whose_word_counts(
    tmp_path: Path, line: str, said: str
) -> None:
    path = tmp_path / "agent.toml"
    base = 'name = "a"\ncontrol = ["ws://x"]\nstate = "/s"\naddress = "127.0.0.1"\n'
    path.write_text(base)
    assert load(path).pins == ""
    path.write_text(f"{base}{line}\n")
    with pytest.raises(BadConfiguration, match=said):
        load(path)


def test_a_datacenter_of_the_same_id_names_no_database(approvals: Approvals) -> None:
    """I-BR-4."""
    there, site = made(), Target("datacenter", "id-orders", "x", 1, "production")
    one = msgspec.structs.replace(there.steps[0], waves=((site,),))
    asked = order(word=word(mandate(msgspec.structs.replace(there, steps=(one,)))))
    assert "does not name orders." in approvals.refuse(asked)
