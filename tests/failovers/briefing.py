"""What the story of a lost datacenter asks of its brief: there in time, and true."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.failovers.telling import Bases, now
from tests.stories.telling import diary
from tests.support.running import wait_for

WITHIN = 10.0
"""Seconds from the SIGKILLs to the brief of the datacenter (its issue says so)."""


def briefed(bases: Bases, site: str, names: Iterable[str], since: datetime) -> dict[str, float]:
    """Seconds that each would lose by the brief, which is there in time with one incident; a
    person decides on it."""

    def look() -> dict[str, Any]:
        answer = bases.stack.api("GET", f"/recovery/{site}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    wait_for(lambda: look()["brief"]["look"] == "lost", 20)
    took = (now() - since).total_seconds()
    assert took < WITHIN
    wait_for(lambda: all(bases.is_failing(name) for name in names), 20)
    brief = look()["brief"]
    lines = {one["database"]: one for one in brief["activate"]["losses"]}
    diary(f"{site}: lost, and its brief is there after {took:.1f} s: {brief['after']}")
    diary(f"{site}: {brief['activate']['ground']}; {brief['activate']['seconds']} s")
    assert set(lines) == set(names)
    assert {one["way"] for one in lines.values()} == {"restore"}
    assert all(one["source"].split()[-1] != site for one in lines.values())
    wait_for(lambda: len(bases.stack.open_incidents()) == 1, 20)
    wait_for(lambda: decides(bases, site, look()["digest"]), 20)
    return {name: line["lost"] / 1000 for name, line in lines.items()}


def decides(bases: Bases, site: str, digest: str) -> bool:
    """What changed since it was read is read again, as a person does."""
    told = {"choice": "activate", "digest": digest, "typed": site, "reason": "It burns."}
    answer = bases.stack.api("POST", f"/recovery/{site}/decide", **told)
    assert answer.status_code in {200, 409}, answer.text
    return answer.status_code == 200
