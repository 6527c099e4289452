"""The machine lives and serves: whatever befell its agent or its line to us, nothing moves."""

from __future__ import annotations

import pytest

from tests.stories.telling import acts, victims, what_runs
from tests.support.running import wait_for
from tests.support.stack import Stack


@pytest.mark.parametrize(
    ("verb", "verdict"),
    [
        pytest.param("stop-agent", "agent-down", marks=pytest.mark.told_in("relay")),
        ("isolate", "isolated"),
    ],
)
def test_a_host_that_serves_without_being_heard_keeps_its_containers(
    stack: Stack, verb: str, verdict: str
) -> None:
    host = victims(stack)[0]
    before, running = acts(stack), what_runs(stack)
    stack.lab(verb, host=host)
    wait_for(lambda: stack.verdict(host) == verdict, 30)
    assert any(key.endswith(f":{verdict}") for key, state in stack.alarms() if state == "raised")
    assert "Nothing moves" in stack.reason(host)
    stack.lab("heal", host=host)
    wait_for(stack.is_calm, 80)
    assert (acts(stack), what_runs(stack)) == (before, running)


@pytest.mark.told_in("netns")
def test_an_agent_that_is_killed_comes_back_to_its_containers(stack: Stack) -> None:
    host = victims(stack)[0]
    before, running = acts(stack), what_runs(stack)
    agent = stack.lab_hosts()[host]["agent"]
    stack.lab("kill-agent", host=host)
    wait_for(lambda: stack.lab_hosts()[host]["agent"] not in (0, agent))
    wait_for(lambda: _session(stack, host))
    wait_for(stack.is_calm, 80)
    assert (acts(stack), what_runs(stack)) == (before, running)


def _session(stack: Stack, host: str) -> bool:
    """Its agent has spoken to the gateway again: the verdict stands on fresh heartbeats."""
    return stack.verdict(host) == "alive"
