"""Runbooks: what is taken, and what is said about what is not."""

from __future__ import annotations

import time

import pytest

from recovery.drp.facts import DANGEROUS, Kind
from recovery.drp.runbooks.faults import BadRunbook
from recovery.drp.runbooks.folder import read_folder
from recovery.drp.runbooks.reading import read_runbook
from recovery.drp.runbooks.schema import Preamble, empty_fields
from recovery.drp.runbooks.shown import step_lines
from recovery.drp.runbooks.yaml import MOST_BYTES
from tests.decisions.drp.books import FOLDER, NAMES, book, faults, raw, spoilt

EACH = "undo: Nothing is changed by it."


def test_the_shipped_runbooks_are_all_taken_and_complete() -> None:
    found = read_folder(FOLDER)
    assert set(found) == {f"{name}.yaml" for name in NAMES}
    for written in found.values():
        assert written.wrong is None
        assert written.runbook is not None
        assert empty_fields(written.runbook) == ()


@pytest.mark.parametrize("name", NAMES)
def test_every_step_says_how_it_is_undone_or_why_it_cannot_be(name: str) -> None:
    for line, step in zip(step_lines(book(name)), book(name).steps, strict=True):
        assert line.back
        assert line.is_brink == (step.undo is None)
        assert line.does.endswith((".", "."))
        assert not (step.kind in DANGEROUS and "by itself" in line.gate)


def test_a_runbook_reads_as_a_list_of_sentences() -> None:
    lines = {line.id: line for line in step_lines(book())}
    assert lines["promote-business"].does == (
        "Promotes the standbys of the business databases of the datacenter that is left, 8 at a"
        " time; after each wave the databases accept writes (100 %)."
    )
    assert lines["promote-business"].gate == "1 of role approver, by passkey"
    assert lines["word"].gate == "a person does it"
    assert lines["fence"].after == (
        "Ask the site whether it comes back",
        "Is there room for what is recovered",
        "Are the copies restorable",
    )


@pytest.mark.parametrize("field", sorted(Preamble.model_fields))
def test_a_runbook_with_an_empty_field_is_a_draft(field: str) -> None:
    emptied = book().plan.model_copy(update={field: Preamble.model_fields[field].default})
    assert empty_fields(book().model_copy(update={"plan": emptied})) == (field,)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version: 2", "version: one", "line 3, column 1: version: This is no whole number."),
        ("timeout: 2m", "timeout: 2 parsecs", "line 50, column 5: steps[0].timeout: '2 parsecs'"),
        ("timeout: 2m", "timeout: 31d", "longer than 30 days"),
        ("title: Is the", "titel: Is the", "steps[0].titel: titel is no field that is known"),
        ("kind: check", "kind: chekc", "'chekc' is no kind of step. Allowed: 'check', 'manual'"),
        ("stage: activation", "stage: later", "'later' is not known here. Allowed: 'activation'"),
        (EACH, "", "steps[0]: A step says either how it is undone"),
        (EACH, f"{EACH}\n    point_of_no_return: None.", "exactly one of the two"),
        (EACH, 'undo: ""', "steps[0].undo: This is empty."),
        ("last_verified: 2026-11-15", "last_verified: soon", "This is no day."),
        ("tested_on: never", "tested_on: soon", "line 43, column 3: plan.tested_on: This is"),
        ("that: datacenter_is_silent", "that: all_is_well", "'all_is_well' is not known here."),
        ("needs: [silent]", "needs: [silence]", "steps[1].needs[0]: There is no step silence."),
        ("id: word", "id: silent", "steps[1].id: silent is the id of steps[0] already."),
        ("id: word", "id: Word!", "'Word!' cannot be used here."),
        ("retries: 3", "retries: 99", "less than or equal to 5"),
        ("retries: 3", 'retries: "3"', "This is no whole number."),
        ("steps:\n", "steps: none\nrest:\n", "This is no list."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(old: str, new: str, said: str) -> None:
    told = spoilt(old, new)
    assert any(said in one for one in told), told
    assert all(one.startswith("x.yaml, line ") for one in told)


def test_a_circle_is_refused_at_the_need_that_closes_it() -> None:
    told = spoilt("needs: []", "needs: [thaw]")
    assert told
    for one in told:
        circle = one.split("This closes a circle: ")[1].split(".")[0].split(" needs ")
        assert circle[0] == circle[-1]
        assert {"silent", "thaw", "verify"} <= set(circle)


def test_a_step_that_needs_itself_is_a_circle() -> None:
    assert "silent needs silent" in spoilt("needs: []", "needs: [silent]")[0]


def test_a_step_never_waits_for_a_later_stage() -> None:
    late = "    stage: activation\n    owner: responder\n    timeout: 2m\n    retries: 3"
    told = spoilt(late, late.replace("activation", "reconstitution"))
    assert "waits for silent, which belongs to a later stage" in told[0]


def test_nothing_dangerous_is_done_without_an_approval() -> None:
    told = spoilt(
        "    approval: {role: approver, count: 1}\n    do: {kind: fence", "    do: {kind: fence"
    )
    assert "A step that does fence_datacenter needs an approval: add one." in told[0]


def test_nothing_is_promoted_before_the_datacenter_is_fenced() -> None:
    told = spoilt("needs: [fence]", "needs: [room]")
    assert (
        "promote-business does promote_databases without a step fence_datacenter before it"
        in told[0]
    )


def test_nothing_dangerous_is_done_before_clean_ups_are_frozen() -> None:
    freeze = "freeze_automation, what: [rescheduling, failover, retention, restore_tests]"
    told = spoilt(freeze, "check, that: tocsin_sees")
    assert len(told) == 4
    assert all("without a step freeze_automation before it" in one for one in told)


def test_several_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    text = raw().replace("version: 2", "version: x").replace("timeout: 20m", "timeout: long", 1)
    lines = [int(one.split("line ")[1].split(",")[0]) for one in faults(text)]
    assert lines == sorted(lines)
    assert len(lines) == 2


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "line 1, column 4: Anchors and aliases"),
        ("a: !!python/object:os.system x", "Tags (!) are not taken."),
        ("a: 1\n---\nb: 2", "It holds a second document."),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: a stands here twice."),
        ("[" * 50_000, "It is nested deeper than 12 levels."),
        ("- a\n" * 30_000, "It holds more than 20000 values."),
        ("x" * (MOST_BYTES + 1), f"{MOST_BYTES} at most"),
        ("? [a]\n: b", "The name of a field is a plain word."),
        ("a: [", "This is no YAML"),
        ("a: 'x", "This is no YAML"),
        ("\x00", "This is no YAML"),
        ("a: b\u202ec", "line 1, column 4: An invisible character here turns the direction"),
        ('a: "b\\u202ec"', "line 1, column 4: An invisible character here turns the direction"),
        ("a: \t- b\n\tc", "This is no YAML"),
        ("", "This is no mapping"),
        ("7", "This is no mapping"),
    ],
)
def test_a_bomb_or_nonsense_is_refused_quickly(text: str, said: str) -> None:
    began = time.process_time()
    told = faults(text)
    assert time.process_time() - began < 3
    assert any(said in one for one in told), told


def test_what_is_no_utf_8_is_refused_with_its_line() -> None:
    with pytest.raises(BadRunbook, match="line 2, column 1: It is not UTF-8"):
        read_runbook(b"a: 1\nb: \xff\n", "x.yaml")


def test_a_word_is_text_unless_it_is_a_number_or_a_truth() -> None:
    told = spoilt("title: Is the datacenter silent, and do we see", "title: 2026")
    assert "steps[0].title: This is no text." in told[0]
    assert not spoilt("title: Is the datacenter silent, and do we see", 'title: "2026"')
    assert not spoilt("title: Is the datacenter silent, and do we see", "title: 0x1F")


def test_a_for_each_is_as_dangerous_as_what_it_repeats() -> None:
    kinds = {step.id: step.kind for step in book().steps}
    assert kinds["promote-business"] is Kind.PROMOTE_DATABASES
