"""Two of three datacenters are cut off from us: that looks like a loss, and two people say so."""

from __future__ import annotations

from functools import partial

import pytest

from tests.stories.telling import acts, diary, what_runs
from tests.support.running import wait_for
from tests.support.stack import Stack

CUT = ("PAR1", "OSU2")
STATES = """
SELECT d.name, v.state FROM detection_lossvouch v
JOIN inventory_datacenter d ON d.id = v.datacenter_id
"""
BLIND = "SELECT 1 FROM detection_brake WHERE blind_at IS NOT NULL"


def vouch(stack: Stack, site: str, by: str, first: str | None = None) -> bool:
    """Whether it was taken; its agents' last words have to be old for that."""
    told = {"typed": site, "reason": "I see smoke from here.", "first": first}
    answer = stack.api("POST", f"/recovery/{site}/vouch", by=by, **told)
    assert answer.status_code in {200, 409}, answer.text
    return answer.status_code == 200


@pytest.mark.told_in("relay")
def test_two_people_who_are_wrong_let_tocsin_see_and_move_nothing(stack: Stack) -> None:
    """Its peers see each of those hosts alive: what people say is expected of none, no verdict."""
    before, running = acts(stack), what_runs(stack)
    hosts = [name for name in stack.lab_hosts() if name.startswith(("par1", "osu2"))]
    for host in hosts:
        stack.lab("isolate", host=host)
    wait_for(lambda: stack.rows(BLIND), 30)
    for site in CUT:
        wait_for(partial(vouch, stack, site, "responder"), 60)
        assert stack.rows(BLIND), "one person's word, or one datacenter's, is not enough"
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
    wait_for(lambda: not stack.rows(BLIND), 30)
    wait_for(lambda: {stack.verdict(host) for host in hosts} == {"isolated"}, 30)
    diary(f"{len(hosts)} hosts are isolated by two people's word for {' and '.join(CUT)}")
    for host in hosts:
        stack.lab("heal", host=host)
    wait_for(lambda: dict(stack.rows(STATES)) == dict.fromkeys(CUT, "over"), 30)
    wait_for(stack.is_calm, 90)
    assert (acts(stack), what_runs(stack)) == (before, running)
