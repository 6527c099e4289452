"""Two of three datacenters are cut off from us: that looks like a loss, and two people say so."""

from __future__ import annotations

import re
from functools import partial

import pytest

from tests.stories.telling import acts, diary, what_runs
from tests.support.running import wait_for
from tests.support.stack import Stack

CUT = ("PAR1", "OSU2")
WORD = """
SELECT v.state, v.end_reason FROM detection_lossvouch v
JOIN inventory_datacenter d ON d.id = v.datacenter_id WHERE d.name = %s
"""
BLIND = "SELECT 1 FROM detection_brake WHERE blind_at IS NOT NULL"


def vouch(stack: Stack, site: str, by: str, first: str | None = None) -> bool:
    """Whether it was taken; its agents' last words have to be old for that."""
    told = {"typed": site, "reason": "I see smoke from here.", "first": first}
    answer = stack.api("POST", f"/recovery/{site}/vouch", by=by, **told)
    assert answer.status_code in {200, 409}, answer.text
    return answer.status_code == 200


def is_over(stack: Stack, site: str) -> bool:
    ((state, why),) = stack.rows(WORD, site)
    if state != "over":
        return False
    assert re.fullmatch(r"[a-z0-9-]+ sees [a-z0-9-]+ alive\.", why), why
    diary(f"the word that {site} is lost is over: {why}")
    return True


@pytest.mark.told_in("relay")
def test_two_people_who_are_wrong_are_refuted_by_whoever_sees_a_host_alive(stack: Stack) -> None:
    """We are cut off from two datacenters, and their peers are not."""
    before, running = acts(stack), what_runs(stack)
    hosts = [name for name in stack.lab_hosts() if name.startswith(("par1", "osu2"))]
    for host in hosts:
        stack.lab("isolate", host=host)
    wait_for(lambda: stack.rows(BLIND), 30)
    for site in CUT:
        wait_for(partial(vouch, stack, site, "responder"), 60)
        (word,) = stack.api("GET", f"/recovery/{site}/vouches").json()
        assert (
            stack.api(
                "POST",
                f"/recovery/{site}/vouch",
                typed=site,
                reason="I, too.",
                first=word["id"],
            ).status_code
            == 403
        )
        assert vouch(stack, site, "approver", word["id"])
        wait_for(partial(is_over, stack, site), 10)
    assert stack.rows(BLIND)
    assert {stack.verdict(host) for host in hosts} <= {"alive", "suspect"}
    for host in hosts:
        stack.lab("heal", host=host)
    wait_for(stack.is_calm, 90)
    assert (acts(stack), what_runs(stack)) == (before, running)
