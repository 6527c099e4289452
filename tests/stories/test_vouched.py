"""Two of three datacenters are cut off from us: that looks like a loss, and people say it is."""

from __future__ import annotations

import re
from functools import partial

import pytest

from tests.stories.telling import acts, diary, what_runs
from tests.support.running import wait_for
from tests.support.stack import Stack

CUT = ("PAR1", "OSU2")
BLIND = "SELECT blind_reasons FROM detection_brake WHERE blind_at IS NOT NULL"
LIVES = re.compile(r"(\w+) lives, and is only not heard: [a-z0-9-]+ sees [a-z0-9-]+ alive\.")


def is_refuted(stack: Stack, site: str) -> bool:
    """A word that it is lost is refused by who sees whom; until its agents' last words are old, and
    peers have looked, for other reasons."""
    told = {"typed": site, "reason": "I see smoke from here."}
    answer = stack.api("POST", f"/recovery/{site}/vouch", by="responder", **told)
    assert answer.status_code in {200, 409}, answer.text
    found = LIVES.fullmatch(answer.json().get("detail", ""))
    if found is None:
        return False
    assert found[1] == site
    diary(answer.json()["detail"])
    return True


def is_known(stack: Stack) -> bool:
    """Why Tocsin is blind names both as alive."""
    rows = stack.rows(BLIND)
    said = [f"Nobody of {' or '.join(sorted(CUT))} is heard, yet others see them alive."]
    return bool(rows) and rows[0][0][-1:] == said


@pytest.mark.told_in("relay")
def test_a_loss_that_whoever_is_heard_refutes_is_nobodys_to_vouch_for(stack: Stack) -> None:
    """We are cut off from two datacenters, and their peers are not."""
    before, running = acts(stack), what_runs(stack)
    hosts = [name for name in stack.lab_hosts() if name.startswith(("par1", "osu2"))]
    for host in hosts:
        stack.lab("isolate", host=host)
    wait_for(partial(is_known, stack), 60)
    for site in CUT:
        wait_for(partial(is_refuted, stack, site), 60)
    assert not stack.rows("SELECT 1 FROM detection_lossvouch WHERE state = 'standing'")
    assert {stack.verdict(host) for host in hosts} <= {"alive", "suspect"}
    for host in hosts:
        stack.lab("heal", host=host)
    wait_for(stack.is_calm, 90)
    assert (acts(stack), what_runs(stack)) == (before, running)
