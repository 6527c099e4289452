"""What goes back after a run: what it moved, from where that is now, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.drp.failback import Back, Held, How, Present, Seat, Trace, Way, way_back

WAY = Way(7, "DRP-0007", out_of="OSU2", into="PAR1")
ORDERS = Trace(How.PROMOTED, "d-orders", "orders", "PAR1", "par1-1", epoch=8)
SHOP = Trace(How.PLACED, "a-shop", "shop", "PAR1", "par1-2", copy=1, epoch=3)
FINE = Held("orders-1", "par1-1")
THERE = Seat("OSU2", "osu2-1", 8, {"PAR1": (FINE,)})
SITES = ("PAR1", "OSU2", "MRS1")


def present(orders: Seat | None = THERE, shop: dict[int, Seat | None] | None = None) -> Present:
    copies = {1: Seat("OSU2", "osu2-2", 3)} if shop is None else shop
    return Present({} if orders is None else {"d-orders": orders}, {"a-shop": copies})


def back(*traces: Trace, now: Present | None = None) -> Back:
    return way_back(WAY, traces or (ORDERS, SHOP), now or present())


def why(found: Back, name: str) -> str:
    """Why it is in, or out."""
    told = [move.reason for move in found.moves if move.target.name == name]
    told += [reason for target, reason in found.out if target.name == name]
    (only,) = told
    return only


def test_what_the_run_moved_goes_back_to_where_it_was() -> None:
    found = back()
    assert [(one.target.name, one.copies, one.before) for one in found.moves] == [
        ("orders", (), "par1-1"),
        ("shop", (1,), "par1-2"),
    ]
    assert why(found, "orders") == "DRP-0007 promoted it: it was led from par1-1."
    assert why(found, "shop") == "DRP-0007 placed it: copy 1 was on par1-2."
    assert not found.out


def test_what_was_moved_again_follows_the_present() -> None:
    elsewhere = replace(THERE, host="osu2-9", epoch=11)
    again = back(now=present(elsewhere, {1: Seat("OSU2", "x", 5)}))
    assert "Moved again since: it is led from osu2-9 now." in why(again, "orders")
    assert "Moved again since: copy 1." in why(again, "shop")
    away = back(now=present(replace(THERE, site="MRS1"), {1: Seat("MRS1", "mrs1-1", 4)}))
    said = "it was moved again since, to MRS1: it is in a plan that leaves that one"
    assert why(away, "orders") == said
    assert [one.target.name for one in away.moves] == ["shop"], "from wherever it was placed"


def test_what_is_back_already_or_retired_is_out_with_its_reason() -> None:
    home = back(now=present(replace(THERE, site="PAR1"), {1: Seat("PAR1", "par1-2", 4)}))
    assert why(home, "orders") == "it is led from PAR1 again"
    assert why(home, "shop") == "copy 1: it runs in PAR1 again"
    gone = back(now=Present({}, {}))
    assert {reason for _, reason in gone.out} == {"it is retired since"}
    fewer = back(now=present(shop={}))
    assert why(fewer, "shop") == "copy 1: it is wanted no more"
    nowhere = back(now=present(shop={1: None}))
    assert why(nowhere, "shop") == "copy 1: it runs nowhere now, and rescheduling finds it a host"


def test_what_was_never_there_is_not_brought_there() -> None:
    found = back(replace(ORDERS, site="MRS1"), replace(SHOP, site="MRS1"))
    assert not found.moves
    assert why(found, "orders") == "it was in MRS1 before, and not in PAR1"


def test_what_has_no_copy_left_there_is_a_persons_to_move() -> None:
    restored = replace(ORDERS, how=How.RESTORED)
    found = back(restored, now=present(replace(THERE, copies={})))
    assert why(found, "orders") == (
        "it was restored elsewhere, and no copy in PAR1 follows it: a person moves it, with its"
        " owner"
    )
    left = replace(restored, left="What par1-1 had of orders was left there.")
    found = back(left, now=present(replace(THERE, copies={})))
    assert why(found, "orders").endswith("with its owner. What par1-1 had of orders was left there")
    promoted = back(ORDERS, now=present(replace(THERE, copies={})))
    assert why(promoted, "orders") == (
        "it was promoted elsewhere, and no copy of it is left in PAR1: a person moves it, with its"
        " owner"
    )


def kept(*held: Held, keep: frozenset[str] | None = None) -> tuple[str, str]:
    """What is told of the copies of orders in PAR1, and what is decided of it."""
    way, now = replace(WAY, keep=keep), present(replace(THERE, copies={"PAR1": held}))
    (move,) = way_back(way, [ORDERS], now).moves
    return move.held, move.choice


def test_what_a_copy_alone_holds_or_may_hold_is_kept_unless_people_decide_otherwise() -> None:
    differs = Held("orders-1", "par1-1", alone="3 transactions differ: public.orders: 3 inserts")
    unknown = Held("orders-1", "par1-1", why="its host is lost")
    mate = Held("orders-2", "par1-2", has_led=False)
    assert kept(FINE, mate) == (
        "orders-1 on par1-1 holds nothing that the primary lacks; orders-2 on par1-2 was a standby:"
        " all that it holds came from the primary of then.",
        "discard",
    )
    assert kept(differs)[1] == kept(unknown)[1] == kept(mate, unknown)[1] == "keep"
    assert kept(unknown)[0] == "orders-1 on par1-1: not known: its host is lost."
    assert kept(differs, keep=frozenset())[1] == "discard"
    assert kept(FINE, keep=frozenset({"d-orders"}))[1] == "keep"


def test_what_is_exported_first_is_decided_about_afterwards_whatever_it_holds() -> None:
    follows = Held("orders-1", "par1-1", follows=True)
    for one, choice in ((FINE, "export"), (follows, "discard")):
        now = present(replace(THERE, copies={"PAR1": (one,)}))
        way = replace(WAY, keep=frozenset({"d-orders"}), export=frozenset({"d-orders"}))
        (move,) = way_back(way, [ORDERS], now).moves
        assert move.choice == choice, "what follows already is read by nobody"


def test_a_standby_is_known_by_the_copy_that_led_beside_it_or_by_its_own_agents_word() -> None:
    mate = Held("orders-2", "par1-2", has_led=False)
    assert kept(mate) == (
        "orders-2 on par1-2: not known: it was a standby, nobody compared it yet, and no copy that"
        " led is there to tell.",
        "keep",
    )
    assert kept(mate, replace(mate, is_compared=True))[1] == "keep", "nobody told of the other one"
    assert kept(replace(mate, is_compared=True)) == (
        "orders-2 on par1-2 holds nothing that the primary lacks.",
        "discard",
    )
    assert kept(FINE, replace(mate, alone="1 transactions differ"))[1] == "keep"


def test_of_what_follows_already_nothing_is_decided() -> None:
    follows = Held("orders-1", "par1-1", alone="1 transactions differ", follows=True)
    mate = Held("orders-2", "par1-2", has_led=False, follows=True)
    held, choice = kept(follows, mate, keep=frozenset({"d-orders"}))
    assert held == (
        "orders-1 on par1-1 is free to follow by itself, and came back with what only it had:"
        " 1 transactions differ; orders-2 on par1-2 is free to follow by itself."
    )
    assert choice == "discard"
    unknown = Held("orders-1", "par1-1", why="its host is lost")
    assert kept(unknown, mate)[1] == "keep"


def test_only_the_copies_that_the_run_moved_go_back() -> None:
    two = replace(SHOP, copy=2, host="par1-3")
    seats = {1: Seat("OSU2", "a", 3), 2: Seat("PAR1", "b", 4), 3: Seat("OSU2", "c", 1)}
    now = present(shop=dict(seats))
    found = back(SHOP, two, now=now)
    (move,) = found.moves
    assert (move.copies, move.before) == ((1,), "par1-2")
    assert "Stays: copy 2: it runs in PAR1 again." in move.reason


SEATS = st.builds(
    Seat,
    st.sampled_from(SITES),
    st.just("h"),
    st.integers(1, 4),
    st.dictionaries(st.sampled_from(SITES), st.just((FINE,))),
)
TRACES = st.builds(
    Trace,
    st.sampled_from(How),
    st.sampled_from(["1", "2", "3"]),
    st.just("x"),
    st.sampled_from(SITES),
    st.just("h"),
    copy=st.integers(1, 3),
    epoch=st.integers(1, 4),
)
PRESENTS = st.builds(
    Present,
    st.dictionaries(st.sampled_from(["1", "2", "3"]), SEATS),
    st.dictionaries(
        st.sampled_from(["1", "2", "3"]),
        st.dictionaries(st.integers(1, 3), st.none() | SEATS),
    ),
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.lists(TRACES, max_size=8), PRESENTS)
def test_whatever_the_run_moved_is_in_or_out_once_and_nothing_else_is(
    traces: list[Trace], now: Present
) -> None:
    found = way_back(WAY, traces, now)
    databases = {f"database:{one.id}" for one in traces if one.how is not How.PLACED}
    applications = {f"application:{one.id}" for one in traces if one.how is How.PLACED}
    told = [move.target.key for move in found.moves] + [target.key for target, _ in found.out]
    assert sorted(told) == sorted(databases | applications)
    assert all(move.reason for move in found.moves)
    assert all(reason for _, reason in found.out)
    for move in found.moves:
        if move.target.type == "database":
            seat = now.databases[move.target.id]
            assert seat.site == "OSU2"
            assert "PAR1" in seat.copies
            continue
        for ordinal in move.copies:
            there = now.copies[move.target.id][ordinal]
            assert there is not None
            assert there.site != "PAR1"
            assert any(one.copy == ordinal and one.id == move.target.id for one in traces)
