"""A difference says what is new and what is gone, and nothing else."""

from __future__ import annotations

from random import Random

from recovery.drp.runbooks.changes import changes, counted


def test_a_changed_line_stands_beside_its_neighbours_with_both_numbers() -> None:
    before = "\n".join(f"line {n}" for n in range(1, 21))
    found = changes(before, before.replace("line 10", "line ten"))
    assert [(line.mark, line.old, line.new) for line in found] == [
        ("…", 0, 0),
        *(("", n, n) for n in (7, 8, 9)),
        ("-", 10, 0),
        ("+", 0, 10),
        *(("", n, n) for n in (11, 12, 13)),
    ]
    assert counted(found) == (1, 1)
    assert changes(before, before) == ()
    assert counted(changes("", before)) == (20, 0)


def test_the_difference_of_any_two_texts_leads_from_one_to_the_other() -> None:
    random = Random(7)
    for _ in range(300):
        old = [random.choice("abcd") for _ in range(random.randint(0, 30))]
        new = [each for each in old if random.random() < 0.8]
        new.insert(random.randint(0, len(new)), "new")
        found = changes("\n".join(old), "\n".join(new))
        for number, side in (("old", old), ("new", new)):
            shown = {getattr(line, number): line.text for line in found if getattr(line, number)}
            assert all(side[at - 1] == text for at, text in shown.items())
        added, gone = counted(found)
        assert len(old) + added - gone == len(new)
