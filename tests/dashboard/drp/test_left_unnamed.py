"""What a plan leaves down is named by whoever starts it, by every door; or nothing is prepared."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from django.core.management import CommandError
from django.test import Client

from recovery.audit.facts import Actor
from recovery.core import clock
from recovery.core.errors import Refused
from recovery.drp import actions
from recovery.drp.actions.runs import Override
from recovery.drp.facts import Mode
from recovery.drp.models import Run, RunbookVersion
from recovery.drp.planning.inventory import Wish
from tests.actions.drp.ground import Ground
from tests.dashboard.drp.conftest import Enter, seen_of, text
from tests.dashboard.drp.test_machines import command, post
from tests.dashboard.drp.test_start import WHICH, decide, write_plain

SAID = "This plan leaves 2 of 2 databases down: ident, orders."
WRONG: tuple[tuple[str, ...], ...] = ((), ("ident",), ("ident", "orders", "wiki"))
BOTH = ("orders", "ident")
BY = ("--by", "amelie", "--reason", "It burns.")


@pytest.fixture
def lost(ground: Ground) -> Ground:
    """PAR1 is given up, by a runbook that takes no database."""
    write_plain()
    decide()
    return ground


def by_page(client: Client, names: Collection[str]) -> Any:
    where = WHICH.format("disaster")
    seen = seen_of(client.get(where).content.decode())
    told = {"seen": seen, "reason": "It burns.", "override": "It burns.", "leaves": list(names)}
    return client.post(where, told)


def by_api(client: Client, names: Collection[str]) -> Any:
    which = {"runbook": "plain", "mode": "disaster", "lost": "PAR1", "into": "OSU2"}
    shown = post(client, "plan", **which).json()
    assert (shown["leaves"], shown["leaving"]) == (["ident", "orders"], SAID)
    told = {"digest": shown["seen"], "override": "It burns.", "leaves": list(names)}
    return post(client, "runs", **which, **told, reason="It burns.")


def by_command(names: Collection[str]) -> str:
    which = ("plain", "--mode", "disaster", "--lost", "PAR1", "--into", "OSU2")
    left = [word for name in names for word in ("--leave", name)]
    return command("prepare", *which, *left, "--override", "It burns.", *BY)


def by_rows(names: Collection[str]) -> Run:
    return actions.prepare_run(
        runbook=RunbookVersion.objects.get(),
        wish=Wish(Mode.DISASTER, "PAR1", "OSU2", "PAR1 is dark."),
        override=Override("It burns.", frozenset(names)),
        refuse=lambda plan: "",
        actor=Actor("person", "amelie"),
        reason="It burns.",
        now=clock.system.now(),
    )


def test_who_does_not_name_each_database_that_stays_down_prepares_nothing(
    lost: Ground, enter: Enter
) -> None:
    client = enter("amelie")
    page = text(client.get(WHICH.format("disaster")))
    assert SAID in page
    assert "ident stays down" in page
    assert by_page(client, ()).status_code == 422
    assert by_page(client, ("ident",)).status_code == 422
    answer = by_api(client, ("ident",))
    assert (answer.status_code, answer.json()["field"]) == (422, "leaves")
    assert answer.json()["detail"] == f"{SAID} Who starts it nevertheless names each of them."
    with pytest.raises(CommandError, match="names each of them"):
        by_command(("ident",))
    for names in WRONG:
        with pytest.raises(Refused) as caught:
            by_rows(names)
        assert caught.value.field == "leaves", names
    assert not Run.objects.exists()


def test_who_names_each_prepares_it_and_the_next_one_by_whatever_door_names_them_again(
    lost: Ground, enter: Enter
) -> None:
    """The run is the same one; the word of one person is none of another's."""
    assert by_page(enter("amelie"), BOTH).status_code == 302
    assert Run.objects.get().override == f"amelie: It burns. Started although: {SAID}"
    assert by_api(enter("bruno"), ()).status_code == 422
    assert by_api(enter("bruno"), BOTH).status_code == 200
    assert "is prepared" in by_command(BOTH)
    assert Run.objects.count() == 1
    assert by_rows(BOTH).override.endswith(SAID), "in other words of the situation"
