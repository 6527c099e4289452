"""Where an export goes: never to where nobody trusts, and with its reason."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.drp.facts import Mode
from recovery.drp.failback import Held, How, Present, Seat, Trace, Way, way_back
from recovery.drp.plan import Move
from recovery.drp.planning.refusing import refuse_plan
from recovery.drp.planning.storing import StoreSight, choose_stores
from tests.decisions.drp.worlds import plan

BACK = StoreSight("par1-store", "PAR1", is_heard=True, takes=True)
NEAR = StoreSight("osu2-store", "OSU2", is_heard=True, takes=True)
FAR = StoreSight("mrs1-store", "MRS1", is_heard=True, takes=True)


def test_never_into_what_has_just_come_back_although_it_is_the_first() -> None:
    found = choose_stores((BACK, NEAR, FAR), back="PAR1")
    assert found.names == ("osu2-store", "mrs1-store")
    assert found.said == (
        "Into osu2-store in OSU2: it is not in PAR1, it is heard, and it takes what is written."
        " Where that one fails, into mrs1-store in MRS1."
        " Not par1-store: it is in PAR1, which has just come back."
    )


def test_who_takes_what_is_written_comes_before_who_may_be_full() -> None:
    full = replace(NEAR, takes=False)
    assert choose_stores((full, FAR), back="PAR1").names == ("mrs1-store", "osu2-store")
    alone = choose_stores((full,), back="PAR1")
    assert alone.names == ("osu2-store",)
    assert "whether it has room nobody knows" in alone.said


def test_where_nobody_hears_it_or_knows_where_it_stands_it_does_not_go() -> None:
    found = choose_stores((BACK, replace(NEAR, is_heard=False), replace(FAR, site="")), back="PAR1")
    assert found.names == ()
    assert found.said == (
        "No store of it takes an export. Not par1-store: it is in PAR1, which has just come back;"
        " not osu2-store: it was not read a moment ago; not mrs1-store: nobody said where it"
        " stands."
    )
    assert choose_stores((), back="PAR1").said == "No store of it takes an export."


SITES = st.sampled_from(["PAR1", "OSU2", ""])
STORES = st.lists(
    st.builds(StoreSight, st.uuids().map(str), SITES, st.booleans(), st.booleans()), max_size=4
)


@given(STORES, SITES.filter(bool))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_whatever_is_chosen_is_elsewhere_and_heard_and_each_other_has_its_reason(
    stores: list[StoreSight], back: str
) -> None:
    found = choose_stores(stores, back=back)
    for one in stores:
        assert (one.name in found.names) == (one.is_heard and one.site not in {"", back})
        assert one.name in found.said


def moved(choice: str, *stores: StoreSight) -> Move:
    """What goes back of orders, whose copy in PAR1 may hold more."""
    held = Held("orders-1", "par1-1", alone="3 rows")
    present = Present({"d": Seat("OSU2", "osu2-1", 8, {"PAR1": (held,)})}, {}, stores={"d": stores})
    way = Way(7, "DRP-0007", "OSU2", "PAR1", export=frozenset({"d"} if choice == "export" else ()))
    trace = Trace(How.PROMOTED, "d", "orders", "PAR1", "par1-1", epoch=8)
    return way_back(way, [trace], present).moves[0]


def test_the_plan_says_where_it_goes_and_nobody_prepares_one_that_goes_nowhere() -> None:
    goes, nowhere = moved("export", BACK, NEAR), moved("export", BACK)
    assert goes.stores == ("osu2-store",)
    assert goes.where.startswith("Into osu2-store in OSU2")
    assert (moved("keep", NEAR).stores, moved("keep", NEAR).where) == ((), "")
    there = plan("return", Mode.PLANNED)
    fine, bad = (msgspec.structs.replace(there, origin=7, moves=(one,)) for one in (goes, nowhere))
    assert refuse_plan(fine) == ""
    said = refuse_plan(bad)
    assert said.startswith("orders is exported nowhere. No store of it takes an export.")
    assert said.endswith("Keep it aside instead.")
