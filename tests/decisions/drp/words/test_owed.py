"""Whoever has to prove that nothing of a drill is left is named until it is proven."""

from __future__ import annotations

import pytest

from recovery.drp.drills.owed import Left, owed


def left(host: str = "drill-1", waited: float = 60.0, heard: bool = True, lost: str = "") -> Left:
    return Left(host, "Its host still has of it: folder x.", waited, heard, lost)


def test_where_all_was_seen_gone_nobody_owes_anything() -> None:
    assert owed(()) == ()


@pytest.mark.parametrize(
    ("one", "who", "says"),
    [
        (left(waited=5.0), "", "drill-1 removes 1 thing of this drill"),
        (left(), "responder", "look at drill-1"),
        (left(heard=False), "approver", "bring drill-1 back, or retire it"),
        (left(heard=False, waited=1.0), "approver", "bring drill-1 back, or retire it"),
        (left(heard=False, lost="not proven: retired"), "", "nobody can prove any more"),
    ],
)
def test_what_is_left_has_somebody_who_proves_it(one: Left, who: str, says: str) -> None:
    (found,) = owed([one])
    assert found.who == who
    assert found.says.startswith(says)
    assert (one.lost or one.why) in found.reason


def test_each_host_stands_once_with_all_that_is_left_there() -> None:
    found = owed([left(), left("drill-2", heard=False), left()])
    assert found[0].says.startswith("look at drill-1")
    assert "2 things of this drill" in found[0].says
    assert found[0].reason == "Its host still has of it: folder x.", "said once"
    assert "drill-2" in found[1].says
