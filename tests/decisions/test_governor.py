"""One ledger for everything that moves (I-BR-2)."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from recovery.operations.decide import Flying, Ledger, Limits, Waiting, admit
from recovery.operations.facts import Verb

hosts = st.sampled_from(["h1", "h2", "h3", "h4", "h5", "h6"])
sites = {"h1": "a", "h2": "a", "h3": "b", "h4": "b", "h5": "c", "h6": "c"}
verbs = st.sampled_from(list(Verb))
flights = st.lists(st.tuples(verbs, hosts), max_size=40)
requests = st.lists(st.tuples(verbs, hosts, st.integers(0, 9), st.floats(0, 99)), max_size=60)


def waiting(rows: list[tuple[Verb, str, int, float]]) -> list[Waiting]:
    return [
        Waiting(f"op{n}", verb, host, sites[host], urgency, asked)
        for n, (verb, host, urgency, asked) in enumerate(rows)
    ]


def ledger(rows: list[tuple[Verb, str]], *, containers: int = 20, paused: str = "") -> Ledger:
    flying = tuple(Flying(verb, host, sites[host]) for verb, host in rows)
    return Ledger(flying, containers=containers, largest_host=3, paused=paused)


@given(requests, flights, st.integers(0, 2000))
def test_no_limit_is_ever_passed_and_everybody_is_answered(
    rows: list[tuple[Verb, str, int, float]], flying: list[tuple[Verb, str]], containers: int
) -> None:
    asking, limits = waiting(rows), Limits()
    before = ledger(flying, containers=containers)
    result = admit(asking, before, limits)
    by_id = {w.operation: w for w in asking}
    starts = [by_id[pk] for pk in result.admitted if by_id[pk].verb is Verb.START]
    already = [f for f in before.flying if f.verb is Verb.START]
    most = max(int(0.05 * containers), 10, 3)
    assert not starts or len(already) + len(starts) <= most
    for host in sites:
        there = sum(f.host == host for f in already)
        new = sum(w.host == host for w in starts)
        assert not new or there + new <= limits.per_host
    assert sorted([*result.admitted, *(pk for pk, _ in result.waiting)]) == sorted(by_id)
    assert all(reason for _, reason in result.waiting)


@given(requests, flights)
def test_the_order_of_asking_does_not_matter(
    rows: list[tuple[Verb, str, int, float]], flying: list[tuple[Verb, str]]
) -> None:
    asking = waiting(rows)
    assert admit(asking, ledger(flying), Limits()) == admit(asking[::-1], ledger(flying), Limits())


@given(requests, flights)
def test_a_pause_stops_everything_and_says_so(
    rows: list[tuple[Verb, str, int, float]], flying: list[tuple[Verb, str]]
) -> None:
    result = admit(waiting(rows), ledger(flying, paused="works on PAR1"), Limits())
    assert result.admitted == ()
    assert all("works on PAR1" in reason for _, reason in result.waiting)


def test_the_most_urgent_goes_first_when_tokens_are_short() -> None:
    flying = [(Verb.START, host) for host in ("h1", "h2", "h3") for _ in range(3)]
    asking = waiting([(Verb.START, "h4", 1, 1.0), (Verb.START, "h5", 9, 2.0)])
    result = admit(asking, ledger(flying), Limits())
    assert result.admitted == ("op1",)
    assert result.waiting[0][1] == "10 starts are in flight, at most 10 in the fleet."


def test_a_stop_never_waits_for_a_token() -> None:
    flying = [(Verb.START, "h1")] * 50
    assert admit(waiting([(Verb.STOP, "h1", 0, 0.0)]), ledger(flying), Limits()).admitted


def test_what_a_plan_froze_waits_for_itself_alone_and_never_for_the_plans_own_acts() -> None:
    asking = waiting(
        [(Verb.START, "h1", 1, 1.0), (Verb.START, "h2", 1, 1.0), (Verb.PROMOTE, "h3", 1, 1.0)]
    )
    why = "DRP-0001 froze rescheduling for amelie: PAR1 burns."
    held = replace(ledger([]), frozen={Verb.START: why}, despite=frozenset({"op1"}))
    found = admit(asking, held, Limits())
    assert set(found.admitted) == {"op1", "op2"}
    assert found.waiting == (("op0", why),)


def test_a_pause_lets_through_what_people_approved_and_nothing_else() -> None:
    asking = waiting([(Verb.RESTORE, "h1", 0, 1.0), (Verb.RESTORE, "h2", 0, 2.0)])
    paused = replace(ledger([], paused="A plan runs."), despite=frozenset({"op1"}))
    result = admit(asking, paused, Limits())
    assert result.admitted == ("op1",)
    assert result.waiting == (("op0", "Everything is paused: A plan runs."),)
    full = replace(paused, flying=(Flying(Verb.RESTORE, "h2", "a"),))
    assert admit(asking, full, Limits()).admitted == (), "its limits stand"
