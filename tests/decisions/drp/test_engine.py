"""What a run does next, and what it never does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recovery.drp.approvals.facts import LIFE_SECONDS, Weighed
from recovery.drp.decide import is_satisfied, next_orders
from recovery.drp.facts import DANGEROUS, Kind, Mode, OnFailure, RunState, StepState
from recovery.drp.press import Press, refuse_press
from recovery.drp.sights import Do, GateSight, Heard, Order, Outcome, Waiting
from recovery.drp.waits import NO, waits
from tests.decisions.drp.steps import ACTING, plan, step, target
from tests.support.drp_book import EVERY_ROLE, Book

DONE = Outcome(Heard.DONE, "It was done.")
FAILED = Outcome(Heard.FAILED, "The disk is full.")


def running(*steps: object, mode: Mode = Mode.DISASTER) -> Book:
    book = Book(plan(*steps, mode=mode))  # type: ignore[arg-type]
    assert book.press(Press.START) == ""
    return book


def does(book: Book) -> list[str]:
    return [
        f"{order.do} {order.target.name if order.target else order.step}".strip()
        for order in book.orders()
    ]


def take(book: Book, outcome: Outcome = DONE) -> None:
    """Every order that can be done now; acts end as said."""
    for order in book.orders():
        if order.do is Do.INTEND:
            book.intend(order)
            book.record(order, outcome)
        elif order.do is not Do.LOOK:
            book.write(order)


def begun(book: Book, approvals: str = "one") -> None:
    """Up to its first acts."""
    take(book)
    if book.steps[approvals].state is StepState.ASKING:
        book.approve(approvals)
        take(book)


def test_steps_whose_needs_are_over_run_side_by_side() -> None:
    book = running(step(id="a"), step(id="b"), step(id="c", needs=("a", "b")))
    assert does(book) == ["begin a", "begin b"]
    take(book)
    assert does(book) == ["intend a", "intend a"]
    take(book)
    assert does(book) == ["settle_done a", "settle_done b"]
    take(book)
    assert does(book) == ["begin c"]
    for _ in range(4):
        take(book)
    assert book.state is RunState.DONE


@pytest.mark.parametrize("kind", sorted(DANGEROUS))
def test_what_is_dangerous_is_asked_for_whatever_the_plan_says(kind: Kind) -> None:
    book = running(step(kind, approval=None))
    assert does(book) == ["ask one"]
    take(book)
    assert does(book) == []
    assert waits(book.sight())[0].who == "approver"
    book.approve("one")
    assert does(book) == ["begin one"]
    assert book.orders()[0].approvals == ("q1",)


def test_a_question_that_nobody_answers_is_asked_anew_and_never_approves() -> None:
    book = running(step(Kind.FENCE_DATACENTER))
    take(book)
    ask = book.steps["one"].ask
    assert ask is not None
    book.change("one", ask=replace(ask, age=LIFE_SECONDS))
    assert does(book) == ["renew one"]
    take(book)
    assert book.steps["one"].ask != ask
    assert does(book) == []


def test_a_yes_that_no_key_gave_keeps_nobody_from_answering() -> None:
    book = running(step(Kind.FENCE_DATACENTER))
    take(book)
    missing = "Waits for one more person of role approver."
    book.approve("one", Weighed((), (("a1", "x"),), missing, hollow=("bruno",)))
    assert does(book) == ["renew one"]
    assert book.orders()[0].reason.startswith("A yes of bruno stands in its rows that no key")
    take(book)
    assert does(book) == []
    book.approve("one", Weighed(("a2",), (("a1", "x"),), "", hollow=("bruno",)))
    assert does(book) == ["begin one"], "others were enough"


def test_a_no_pauses_the_run_and_the_step_is_asked_anew_after_it() -> None:
    book = running(step(Kind.FENCE_DATACENTER))
    take(book)
    book.approve("one", Weighed((), (), "", denied="chloe", because="The site is back."))
    assert waits(book.sight())[0] == Waiting("one", "", NO), "nobody is asked for a yes any more"
    assert book.orders()[0].reason == "chloe said no: The site is back."
    take(book)
    assert (book.state, book.steps["one"].state) == (RunState.PAUSED, StepState.PENDING)
    assert book.press(Press.RESUME) == ""
    assert does(book) == ["ask one"]


def test_what_drifted_voids_the_question_pauses_the_run_and_begins_nothing() -> None:
    book = running(step(Kind.FENCE_DATACENTER), step(id="other"))
    take(book)
    book.approve("one")
    book.drift = ("orders is in epoch 8 now; the plan saw epoch 7.",)
    assert does(book) == ["void one"]
    take(book)
    assert does(book) == ["pause"]
    assert "orders is in epoch 8 now" in book.orders()[0].reason
    take(book)
    assert does(book) == []
    assert "Abort, and plan anew." in book.press(Press.RESUME)
    book.drift = ()
    assert book.press(Press.RESUME) == ""
    assert does(book)[0] == "ask one", "the old yes is gone"


def test_what_is_shown_and_drifted_is_not_started() -> None:
    book = Book(plan(step()), drift=("It drifted.",))
    assert "It drifted." in book.press(Press.START)
    assert book.state is RunState.PREPARED


def test_a_wave_begins_after_the_gate_of_the_one_before() -> None:
    book = running(step(Kind.PROMOTE_DATABASES, targets=(("a", "b"), ("c",))))
    begun(book)
    assert does(book) == ["intend a", "intend b"]
    book.gate = lambda step: GateSight(False, "b does not serve yet.", 10.0)
    take(book)
    assert does(book) == []
    assert "b does not serve yet." in waits(book.sight())[0].reason
    book.gate = lambda step: GateSight(True, "They serve.")
    assert does(book) == ["intend c"]
    take(book)
    book.gate = lambda step: GateSight(False, "c does not serve.", 600.0)
    assert does(book) == ["settle_failed one"]


def test_a_wave_of_which_enough_is_done_goes_on_and_less_fails() -> None:
    for at_least, then in ((50, "intend c"), (51, "settle_failed one")):
        gate = replace_gate(at_least)
        book = running(gate)
        begun(book)
        for order, outcome in zip(book.orders(), (DONE, FAILED), strict=True):
            book.intend(order)
            book.record(order, outcome)
        assert does(book) == [then]


def replace_gate(at_least: int) -> object:
    from recovery.drp.plan import Gate

    waves = (("a", "b"), ("c",))
    return step(Kind.RESTORE_DATABASES, targets=waves, gate=Gate("databases_serve", at_least))


def test_a_failed_act_is_tried_again_under_another_key_and_then_fails_the_step() -> None:
    book = running(step(retries=1))
    take(book)
    keys = set()
    for _ in range(2):
        keys |= {order.key for order in book.orders()}
        take(book, FAILED)
    assert len(keys) == 2
    assert does(book) == ["settle_failed one"]
    take(book)
    assert does(book) == ["pause one"]
    take(book)
    assert "retry it, skip it or abort first" in book.press(Press.RESUME)


def test_a_failed_act_rests_before_it_is_tried_again() -> None:
    book = running(step(retries=1))
    take(book)
    take(book, FAILED)
    assert next_orders(book.sight(quiet=1.0)) == ()
    assert does(book) == ["intend a"]


@pytest.mark.parametrize(
    ("on_failure", "then"),
    [(OnFailure.ASK, "pause one"), (OnFailure.ABORT, "abort one"), (OnFailure.GO_ON, "begin two")],
)
def test_what_follows_a_failure_is_what_the_step_says(on_failure: OnFailure, then: str) -> None:
    book = running(step(on_failure=on_failure), step(id="two", needs=("one",)))
    take(book)
    take(book, FAILED)
    take(book)
    assert does(book) == [then]


@pytest.mark.parametrize("kind", [Kind.FENCE_DATACENTER, Kind.FREEZE_AUTOMATION, Kind.APPROVAL])
def test_what_protects_others_is_never_gone_on_without_and_never_skipped(kind: Kind) -> None:
    book = running(step(kind, on_failure=OnFailure.GO_ON))
    book.change("one", state=StepState.FAILED)
    assert not is_satisfied(book.steps["one"])
    assert does(book) == ["pause one"]
    assert "protects what comes after it" in book.press(Press.SKIP, step="one")
    lesser = book.press(Press.SKIP, step="one", roles=frozenset({"responder"}))
    assert "is never skipped" in lesser, "no role would change it"


def test_a_retry_does_again_only_what_was_not_done_and_asks_anew() -> None:
    book = running(step(Kind.PROMOTE_DATABASES, targets=(("a", "b"),)))
    begun(book)
    for order, outcome in zip(book.orders(), (DONE, FAILED), strict=True):
        book.intend(order)
        book.record(order, outcome)
    take(book)
    take(book)
    assert book.press(Press.RETRY, step="one") == ""
    assert book.press(Press.RESUME) == ""
    begun(book)
    assert does(book) == ["intend b"]


def test_what_nobody_knows_stops_the_step_until_a_person_has_looked() -> None:
    book = running(step(Kind.WEBHOOK))
    take(book)
    take(book, Outcome(Heard.UNKNOWN, "The line broke."))
    assert does(book) == ["look a"], "it is looked at again, and nothing else"
    assert "look whether it was done" in waits(book.sight())[0].reason
    key = book.steps["one"].acts[0].key
    assert book.press(Press.TELL, step="one", key=key, to="done") == ""
    assert does(book) == ["settle_done one"]


def test_what_a_person_says_was_not_done_is_not_done_again_by_itself() -> None:
    book = running(step(Kind.WEBHOOK, retries=3))
    take(book)
    take(book, Outcome(Heard.UNKNOWN))
    key = book.steps["one"].acts[0].key
    assert book.press(Press.TELL, step="one", key=key, to="failed") == ""
    assert does(book) == ["settle_failed one"]


@pytest.mark.parametrize("kind", ACTING)
def test_a_time_that_is_over_fails_a_look_and_is_unknown_for_an_act(kind: Kind) -> None:
    book = running(step(kind))
    begun(book)
    for order in book.orders():
        if order.do is Do.INTEND:
            book.intend(order)
    acts = tuple(replace(act, age=600.0) for act in book.steps["one"].acts)
    book.change("one", acts=acts)
    looks = kind in {Kind.CHECK, Kind.VERIFY, Kind.WAIT_UNTIL, Kind.MANUAL}
    expected = [] if kind is Kind.APPROVAL else ["time_out a" if looks else "lose_sight a"]
    assert [one for one in does(book) if not one.startswith("settle")] == expected


def test_a_paused_and_an_aborting_run_look_at_what_is_on_its_way_and_begin_nothing() -> None:
    book = running(step(targets=(("a", "b"),)), step(id="two"))
    take(book)
    first = book.orders()[0]
    book.intend(first)
    assert book.press(Press.PAUSE) == ""
    assert does(book) == ["look a"]
    assert book.press(Press.ABORT) == ""
    assert does(book) == ["look a"]
    book.record(first, DONE)
    assert does(book) == ["rest"]
    take(book)
    assert book.state is RunState.ABORTED
    assert does(book) == []


@pytest.mark.parametrize("kind", [Kind.WAIT_UNTIL, Kind.CHECK, Kind.VERIFY, Kind.MANUAL])
def test_an_abort_waits_for_nothing_that_only_looks_or_is_a_persons(kind: Kind) -> None:
    book = running(step(kind))
    take(book)
    book.intend(book.orders()[0])
    assert does(book)[0].startswith("look")
    assert book.press(Press.ABORT) == ""
    (order,) = book.orders()
    assert (order.do, order.reason) == (
        Do.TIME_OUT,
        "The run was aborted: it is not waited for any more.",
    )
    take(book)
    assert does(book) == ["rest"]


def test_an_abort_does_not_wait_for_what_nobody_knows() -> None:
    book = running(step(Kind.WEBHOOK))
    take(book)
    take(book, Outcome(Heard.UNKNOWN))
    assert book.press(Press.ABORT) == ""
    assert does(book) == ["rest"]
    take(book)
    key = book.steps["one"].acts[0].key
    assert book.press(Press.TELL, step="one", key=key, to="failed") == "", "it is still answered"


def test_a_hold_begins_nothing() -> None:
    book = running(step())
    held = replace(book.sight(), hold="Tocsin is blind.")
    assert next_orders(held) == ()
    assert refuse_press(Press.START, replace(held, state=RunState.PREPARED), EVERY_ROLE) == (
        "Tocsin is blind."
    )


def test_a_no_pauses_a_run_that_is_held_and_a_yes_begins_nothing_of_it() -> None:
    book = running(step(Kind.FENCE_DATACENTER))
    take(book)
    book.approve("one", Weighed(("yes",), (), ""))
    assert next_orders(replace(book.sight(), hold="Tocsin is blind.")) == ()
    book.approve("one", Weighed((), (), "", denied="chloe", because="The site is back."))
    assert next_orders(replace(book.sight(), hold="Tocsin is blind.")) == book.orders() != ()


def test_a_simulation_settles_each_step_as_expected_and_does_nothing() -> None:
    steps = [step(kind, id=kind.replace("_", "-")) for kind in ACTING]
    steps.append(step(id="last", needs=("check",)))
    book = running(*steps, mode=Mode.SIMULATION)
    book.change("check", expected=(False, "PAR1 answers."))
    seen: list[Order] = []
    while orders := book.orders():
        seen += orders
        take(book)
    assert {order.do for order in seen} == {Do.BEGIN, Do.SETTLE_DONE, Do.SETTLE_FAILED, Do.FINISH}
    assert book.state is RunState.DONE
    assert book.steps["check"].said == "PAR1 answers."


def test_a_thousand_drills_with_production_ids_in_them_do_nothing() -> None:
    for n in range(1000):
        kind = ACTING[n % len(ACTING)]
        injected = step(kind, realm="production" if n % 2 else "drill", targets=(("x", f"t{n}"),))
        book = running(injected, mode=Mode.DRILL)
        book.production = frozenset({target(f"t{n}").key})
        seen = []
        for _ in range(6):
            seen += does(book)
            for order in book.orders():
                if order.do is not Do.INTEND:
                    book.write(order)
            if book.steps["one"].state is StepState.ASKING:
                book.approve("one")
        assert not [one for one in seen if one.startswith("intend")]
        assert "a drill never touches it" in book.steps["one"].said or kind is Kind.APPROVAL


@pytest.mark.parametrize("kind", ACTING)
def test_what_rests_on_nobodys_yes_intends_nothing_and_fails(kind: Kind) -> None:
    book = running(step(kind))
    begun(book)
    book.change("one", state=StepState.BEGUN, unauthorised="Nobody has approved it.")
    assert does(book) == ["settle_failed one"]
    assert book.orders()[0].reason == "Nobody has approved it."


def test_production_is_never_run_on_drill_targets() -> None:
    book = running(step(realm="drill"))
    take(book)
    assert does(book) == ["settle_failed one"]


def test_a_step_without_targets_is_done() -> None:
    book = running(step(targets=()))
    take(book)
    assert "nothing to do it to" in book.orders()[0].reason
