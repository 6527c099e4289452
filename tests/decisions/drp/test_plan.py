"""A plan: resolved, digested, compared."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from recovery.core.errors import Refused
from recovery.drp.facts import Kind, Mode
from recovery.drp.plan import Plan, Target, canonical, digest, digest_of, read_plan
from recovery.drp.planning.drift import drift
from recovery.drp.planning.inventory import CopySight, Wish
from recovery.drp.planning.resolve import resolve
from recovery.drp.runbooks.reading import read_runbook
from tests.decisions.drp.books import NAMES, raw
from tests.decisions.drp.worlds import POINT, database, drill, inventory, later, plan


def names(found: Plan, step: str) -> list[list[str]]:
    return [[target.name for target in wave] for wave in found.step(step).waves]


def test_targets_are_named_with_their_epochs_and_the_most_urgent_come_first() -> None:
    found = plan()
    assert names(found, "promote-business") == [["ident", "orders"]]
    assert names(found, "place-level-two") == [["shop", "tiles"]]
    assert names(found, "place-level-one") == [["cron"]]
    assert found.step("promote-business").waves[0][0].epoch == 7
    assert names(found, "fence") == [["PAR1"]]


def test_what_a_step_will_not_take_is_left_out_with_its_reason() -> None:
    left = {(one.step, one.target.name): one.reason for one in plan().left_out}
    assert left == {
        ("restore-starter", "wiki"): "no copy of it that is left can be restored",
    }


def test_targets_are_cut_into_waves() -> None:
    many = tuple(database(f"d{n:02}") for n in range(20))
    waves = names(plan(there=inventory(databases=many)), "promote-business")
    assert [len(wave) for wave in waves] == [8, 8, 4]


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_is_read_back_from_its_bytes_and_from_no_others(name: str) -> None:
    found = plan(name, Mode.SIMULATION)
    raw = canonical(found)
    assert read_plan(raw, digest(found)) == found
    with pytest.raises(Refused, match="its digest is another"):
        read_plan(raw + b" ", digest(found))
    with pytest.raises(Refused, match="This is no plan"):
        read_plan(b"{}", digest_of_text("{}"))
    spaced = msgspec.json.format(raw)
    with pytest.raises(Refused, match="somebody altered it"):
        read_plan(spaced, digest_of_text(spaced.decode()))


def digest_of_text(text: str) -> str:
    from recovery.drp.plan import digest_of

    return digest_of(text.encode())


def test_the_mode_is_part_of_the_digest() -> None:
    assert digest(plan(mode=Mode.SIMULATION)) != digest(plan(mode=Mode.DISASTER))


def test_two_looks_at_the_same_rows_give_the_same_digest() -> None:
    there = inventory()
    shuffled = inventory(databases=tuple(reversed(there.databases)))
    assert digest(plan(there=there)) == digest(plan(there=shuffled))


def test_a_drill_is_planned_on_drill_targets_alone_and_nothing_else_is() -> None:
    with pytest.raises(Refused, match="never planned on production targets"):
        plan(mode=Mode.DRILL)
    with pytest.raises(Refused, match="never planned on drill targets"):
        plan(there=inventory(realm="drill"))
    assert {t.realm for step in drill().steps for wave in step.waves for t in wave} == {"drill"}


def test_a_runbook_is_planned_in_its_own_modes_and_on_places_that_exist() -> None:
    with pytest.raises(Refused, match="is no plan for a planned"):
        plan(mode=Mode.PLANNED)
    with pytest.raises(Refused, match="There is no datacenter PAR1"):
        plan(there=inventory(sites=()))


def test_nothing_drifts_while_nothing_changes() -> None:
    assert drift(plan(), plan()) == ()


ROWS = inventory().databases


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            (replace(ROWS[0], epoch=8), *ROWS[1:]),
            "promote-business: orders is in epoch 8 now; the plan saw epoch 7.",
        ),
        (
            ROWS[1:],
            "promote-business: orders is no target of it any more: it does not lead in PAR1 now, or"
            " has no standby in OSU2 to promote.",
        ),
        (
            (*ROWS, database("new")),
            "promote-business: new is a target of it now, and was not when it was approved.",
        ),
        (
            (*ROWS[:3], replace(ROWS[3], restorable=("replica 2", later(-600))), *ROWS[4:]),
            "notes can be restored up to 2026-11-29T00:50:00+00:00 only; it was quoted up to"
            " 2026-11-29T01:00:00+00:00.",
        ),
    ],
)
def test_what_has_changed_is_said_in_a_sentence(rows: tuple[object, ...], said: str) -> None:
    assert drift(plan(), plan(there=inventory(databases=rows))) == (said,)


def test_an_application_that_needs_no_place_any_more_says_why() -> None:
    rows = inventory().applications
    moved = (replace(rows[0], seats_in=frozenset({"OSU2"})), *rows[1:])
    said = drift(plan(), plan(there=inventory(applications=moved)))
    assert said
    name = rows[0].name
    assert {one.partition(": ")[2] for one in said} == {
        f"{name} is no target of it any more: it has no container in PAR1 now."
    }


def test_what_this_run_did_itself_is_no_drift() -> None:
    there = inventory(databases=(replace(ROWS[0], epoch=8), *ROWS[1:]))
    assert drift(plan(), plan(there=there), ours={"database:db-orders": 8}) == ()
    moved = inventory(databases=(replace(ROWS[0], home="OSU2", epoch=8), *ROWS[1:]))
    assert drift(plan(), plan(there=moved), ours={"database:db-orders": 8}) == ()
    assert drift(plan(), plan(there=moved), ended={"promote-business"}) == ()


def test_more_to_lose_less_is_no_drift() -> None:
    better = (*ROWS[:3], replace(ROWS[3], restorable=("replica 2", later(60))), *ROWS[4:])
    assert later(60) > POINT
    assert drift(plan(), plan(there=inventory(databases=better))) == ()


def test_another_runbook_mode_or_datacenter_is_named() -> None:
    was = plan()
    fields = {
        "It was approved as a disaster, and would be a drill.": {"mode": Mode.DRILL},
        "now it is datacenter-lost version 3": {"version": 3},
        "was rewritten under the same number": {"runbook_digest": "0" * 64},
        "The datacenter that takes over was OSU2; now it is MRS1.": {
            "into": Target("datacenter", "002", "MRS1", 1, "production")
        },
        "Step fence is in the runbook no longer.": {
            "steps": tuple(step for step in was.steps if step.id != "fence")
        },
        "fence does something else now": {
            "steps": tuple(
                msgspec.structs.replace(step, timeout=1) if step.id == "fence" else step
                for step in was.steps
            )
        },
    }
    for said, changes in fields.items():
        told = drift(was, msgspec.structs.replace(was, **changes))  # type: ignore[arg-type]
        assert any(said in one for one in told), (said, told)


def test_a_quote_whose_copy_is_gone_is_a_drift_unless_we_restored_it() -> None:
    was = plan()
    quote = was.quotes[0]
    now = msgspec.structs.replace(was, quotes=was.quotes[1:])
    assert any("no copy to restore" in said for said in drift(was, now))
    assert not drift(was, now, ours={f"database:{quote.database}": 8})


def test_what_our_own_promotion_moves_is_no_drift_while_it_is_on_its_way() -> None:
    was = plan()
    promoted = was.step("promote-business").waves[0][0]
    rest = [row for row in inventory().databases if row.id != promoted.id]
    now = plan(there=inventory(databases=(*rest, database(promoted.name, home="OSU2", epoch=8))))
    assert any("no target of it any more" in said for said in drift(was, now))
    assert drift(was, now, busy={promoted.key}) == ()
    other = was.step("promote-business").waves[0][1]
    assert drift(was, now, busy={other.key})


def test_a_standby_that_is_being_promoted_by_us_puts_its_database_into_no_other_step() -> None:
    """The shipped plan restores what has no standby there."""
    was = plan()
    promoted = was.step("promote-business").waves[0][0]
    rows = [
        replace(row, standbys=frozenset()) if row.id == promoted.id else row
        for row in inventory().databases
    ]
    now = plan(there=inventory(databases=tuple(rows)))
    assert any(f"restore-business: {promoted.name} is a target" in said for said in drift(was, now))
    assert drift(was, now, busy={promoted.key}) == ()
    epochs = {promoted.key: 8}
    assert drift(was, now, ours=epochs), "what was promoted and has no standby is shown again"


def test_what_this_run_switches_itself_is_nobodys_to_move_by_hand() -> None:
    """The shipped evacuation has people agree on what has no standby there: nothing, then."""
    rows = (database("orders"), database("ident"))
    was = plan("evacuation", Mode.PLANNED, inventory(databases=rows))
    bare = replace(rows[0], standbys=frozenset())
    now = plan("evacuation", Mode.PLANNED, inventory(databases=(bare, rows[1])))
    said = (
        "business-by-hand: Agree on the business databases that have no standby there is a target"
    )
    orders = "database:db-orders"
    assert any(one.startswith(said) for one in drift(was, now))
    assert not any(one.startswith(said) for one in drift(was, now, busy={orders}))
    assert not any(one.startswith(said) for one in drift(was, now, ours={orders: 8}))
    both = inventory(databases=(bare, replace(rows[1], standbys=frozenset())))
    then = plan("evacuation", Mode.PLANNED, both)
    assert any(one.startswith(said) for one in drift(was, then, busy={orders})), (
        "ident is another's"
    )


def test_whatever_a_step_restores_is_quoted() -> None:
    text = raw().replace("plan: starter", "plan: business", 1)
    there = read_runbook(text.encode(), "lost.yaml")
    wish = Wish(Mode.DISASTER, "PAR1", "OSU2", "Dark.")
    found = resolve(there, digest_of(text.encode()), wish, inventory())
    restored = {
        target.id
        for step in found.steps
        if step.kind is Kind.RESTORE_DATABASES
        for wave in step.waves
        for target in wave
    }
    assert "db-orders" in restored, "the test says something"
    assert restored <= {quote.database for quote in found.quotes}
    assert "db-orders" not in {quote.database for quote in plan().quotes}


def copied(lost: float | None = 12.0, *, doubts: tuple[tuple[str, str], ...] = ()) -> Plan:
    """Of an asynchronous standby in OSU2 that lacks so much."""
    at = None if lost is None else POINT
    span = None if lost is None else timedelta(seconds=lost)
    copy = CopySight("OSU2", "standby osu2-a1 in OSU2", at, span)
    other = CopySight("MRS1", "standby mrs1-a1 in MRS1", POINT, timedelta(0))
    rows = [row for row in inventory().databases if row.name != "ident"]
    ident = database("ident", priority=90, copies=(other, copy), doubts=doubts)
    return plan(there=inventory(databases=(*rows, ident)))


def test_what_is_promoted_is_quoted_by_the_standby_that_the_plan_takes() -> None:
    (quote,) = [one for one in copied().quotes if one.way == "promote"]
    assert (quote.name, quote.source, quote.lost_ms) == ("ident", "standby osu2-a1 in OSU2", 12_000)
    (unknown,) = [one for one in copied(None).quotes if one.way == "promote"]
    assert (unknown.moment, unknown.lost_ms) == ("", None)


def test_more_loss_than_was_quoted_is_a_drift_and_less_is_none() -> None:
    key = "database:db-ident"
    assert drift(copied(), copied(16.0)) == drift(copied(), copied(3.0)) == ()
    (said,) = drift(copied(), copied(18.0))
    assert said == "ident would lose 18 s (standby osu2-a1 in OSU2); it was quoted 12 s."
    (said,) = drift(copied(), copied(None))
    assert "nobody can tell any more" in said
    assert drift(copied(), copied(18.0), busy={key}) == ()


def test_what_nobody_can_prove_is_signed_and_a_new_doubt_is_a_drift() -> None:
    one, other = ("r-2", "orders-2, unheard."), ("r-3", "orders-3, unheard.")
    was = copied(doubts=(one,))
    assert [(doubt.name, doubt.replica) for doubt in was.doubts] == [("ident", "r-2")]
    assert digest(was) != digest(copied()), "it is under the signature"
    (said,) = drift(was, copied(doubts=(one, other)))
    assert said == "orders-3, unheard. That was not on the page when it was approved."
    assert drift(was, copied()) == (), "who answered for more answered for less"
    key = "database:db-ident"
    assert drift(was, copied(doubts=(one, other)), ours={key: 8}) == ()


@pytest.mark.parametrize("version", [1, 2])
def test_plans_of_before_are_read_as_they_were_written(version: int) -> None:
    old = msgspec.structs.replace(plan(), v=version)
    raw_ = canonical(old)
    assert b"doubts" not in raw_
    assert b"lost_ms" not in raw_
    assert read_plan(raw_, digest(old)).v == version
