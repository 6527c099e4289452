"""The same acts through the API and `manage.py drp`; a yes stays in the browser."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from dashboard.acts.runs import check_ids, kept_ids
from recovery.core.errors import Refused
from recovery.drp.facts import Mode
from recovery.drp.failback import Back
from recovery.drp.plan import Move, Target
from recovery.drp.press import Press
from tests.actions.drp.ground import Ground
from tests.dashboard.drp.conftest import Enter
from tests.dashboard.drp.test_start import write_plain

SILENT = """\
  - id: silent
    title: Is it silent
    stage: activation
    owner: responder
    timeout: 2m
    undo: Nothing is changed by it.
    needs: []
    do: {kind: check, that: datacenter_is_silent}
"""


def post(client: Client, path: str, **told: object) -> Any:
    return client.post(f"/api/drp/{path}", json.dumps(told), content_type="application/json")


def command(*words: str) -> str:
    out = StringIO()
    call_command("drp", *words, stdout=out)
    return out.getvalue()


WRONG: tuple[tuple[str, object, str], ...] = (
    ("mode", "rehearsal", "mode"),
    ("mode", "planned", "mode"),
    ("into", "PAR1", "into"),
    ("into", "", "into"),
    ("origin", -1, "origin"),
    ("origin", 10**9 + 1, "origin"),
    ("keep", ["orders"], "keep"),
    ("keep", [str(UUID(int=7))], "origin"),
    ("export", [str(UUID(int=7))], "origin"),
    ("seconds", 34920, "seconds"),
)
"""What a plan does not take, and the field that the answer names."""


def test_a_run_is_planned_prepared_started_and_watched_through_the_api(
    ground: Ground, enter: Enter
) -> None:
    ground.write()
    client = enter("amelie")
    which = {"runbook": "datacenter-lost", "mode": "simulation", "lost": "PAR1", "into": "OSU2"}
    plan = post(client, "plan", **which).json()
    assert set(plan["simulated"]) == {"freeze", "tell", "fence", "promote"}
    wrong = post(client, "runs", **which, digest="0" * 64, reason="Look.")
    assert wrong.status_code == 409
    said = post(client, "runs", **which, digest=plan["digest"], reason="Look.").json()["said"]
    assert "is prepared" in said
    number = ground.run.number
    assert client.get("/api/drp/runs").json()[0]["number"] == number
    assert post(client, f"runs/{number}/start", reason="Go.").status_code == 200
    for _ in range(3):
        ground.look()
    told = client.get(f"/api/drp/runs/{number}").json()
    assert (told["state"], told["digest"]) == ("done", plan["digest"])
    assert post(client, f"runs/{number}/pause", reason="Late.").status_code == 409
    assert post(client, f"runs/{number}/explode", reason="Late.").status_code == 422
    assert client.get("/api/drp/runs/999").status_code == 404
    assert post(client, "plan", **(which | {"lost": "NONE"})).status_code == 404
    for field, value, named in WRONG:
        answer = post(client, "plan", **(which | {field: value}))
        assert (answer.status_code, f'"{named}"' in answer.content.decode()) == (422, True), field


def test_what_touches_production_is_started_by_its_name(ground: Ground, enter: Enter) -> None:
    ground.prepare()
    client, number = enter("amelie"), ground.run.number
    assert post(client, f"runs/{number}/start", reason="Go.").status_code == 422
    assert post(client, f"runs/{number}/start", reason="Go.", typed="PAR1").status_code == 200
    assert post(client, f"runs/{number}/pause", reason="Go.", step="tell").status_code == 422
    assert post(enter("vera"), f"runs/{number}/abort", reason="Go.").status_code == 403
    assert post(client, f"runs/{number}/abort", reason="Enough.").status_code == 200
    assert ground.run.state == "aborting"


def test_questions_are_read_and_denied_by_a_machine_and_never_approved(
    ground: Ground, enter: Enter
) -> None:
    ground.begin()
    ground.look()
    client = enter("bruno")
    (ask,) = client.get("/api/drp/questions").json()
    assert (ask["title"], ask["people"]) == ("Tell", ["bruno", "chloe", "dora"])
    there = f"questions/{ask['id']}"
    assert post(client, f"{there}/approve", reason="Yes.").status_code == 404
    told = {"digest": ground.run.digest, "reason": "It comes back."}
    assert post(client, f"{there}/deny", **(told | {"digest": "0" * 64})).status_code == 409
    assert post(enter("amelie"), f"{there}/deny", **told).status_code == 403
    assert post(client, f"{there}/deny", **told).status_code == 200
    ground.look()
    assert ground.run.state == "paused"


def test_the_command_line_does_the_same_acts_under_a_persons_name(ground: Ground) -> None:
    ground.write()
    assert "No runbook was run here yet." in command("list")
    by = ("--by", "amelie", "--reason", "It burns.")
    which = ("datacenter-lost", "--mode", "simulation", "--lost", "PAR1", "--into", "OSU2")
    assert "is prepared" in command("prepare", *which, *by)
    with pytest.raises(CommandError, match="vera has no role responder"):
        command("prepare", *which, "--by", "vera", "--reason", "x")
    number = str(ground.run.number)
    assert "runs." in command("start", number, *by)
    with pytest.raises(CommandError, match="You have started it already"):
        command("start", number, *by)
    with pytest.raises(CommandError, match="takes the role responder"):
        command("abort", number, "--by", "vera", "--reason", "No.")
    shown = command("show", number)
    assert f"{ground.run}, a simulation of PAR1 into OSU2: running." in shown
    assert " 4. Promote [to come 0/2]" in shown
    assert "is paused" in command("pause", number, *by)
    assert "goes on" in command("resume", number, *by)
    assert "ends" in command("abort", number, *by)
    with pytest.raises(CommandError, match="There is no DRP-0999"):
        command("show", "999")


def test_what_would_not_work_now_is_said_before_anybody_starts_it(ground: Ground) -> None:
    write_plain(SILENT)
    which = ("plain", "--mode", "simulation", "--lost", "PAR1", "--into", "OSU2")
    said = command("prepare", *which, "--by", "amelie", "--reason", "To see.")
    assert said.startswith("Is it silent: would not work now. 0 of ")
    assert "is prepared" in said


def test_a_no_is_said_on_the_command_line_too(ground: Ground) -> None:
    ground.prepare(Mode.DISASTER)
    ground.press(Press.START)
    ground.look()
    ask = str(ground.ask("tell").pk)
    assert f"{ask}  {ground.run} asks bruno, chloe, dora: Tell" in command("list")
    with pytest.raises(CommandError, match="amelie asked for the run"):
        command("deny", ask, "--by", "amelie", "--reason", "No.")
    assert "pauses" in command("deny", ask, "--by", "bruno", "--reason", "No.")


def test_the_command_line_names_the_run_that_is_taken_back_and_what_is_kept(ground: Ground) -> None:
    ground.begin()
    by = ("--by", "amelie", "--reason", "It is back.")
    which = ("datacenter-lost", "--mode", "planned", "--lost", "OSU2", "--into", "PAR1", *by)
    with pytest.raises(CommandError, match="is over, is taken back"):
        command("prepare", *which, "--origin", str(ground.run))
    with pytest.raises(CommandError, match="There is no DRP-0999"):
        command("prepare", *which, "--origin", "999", "--keep-none")
    with pytest.raises(CommandError, match="Name the run that is taken back too"):
        command("prepare", *which, "--keep", "orders")
    with pytest.raises(CommandError, match="x is no run"):
        command("prepare", *which, "--origin", "x")
    with pytest.raises(CommandError, match="not allowed with"):
        command("prepare", *which, "--keep", "orders", "--keep-none")


def test_what_is_kept_is_named_and_nothing_that_did_not_come_back() -> None:
    orders, shop = (
        Target(type="database", id=str(n), name=name, epoch=1, realm="production")
        for n, name in ((1, "orders"), (2, "shop"))
    )
    back = Back(7, "DRP-0007", (Move(orders, held="it is equal"), Move(shop)), ())
    assert kept_ids(back, ["orders"]) == {"1"}
    assert kept_ids(back, []) == frozenset()
    with pytest.raises(Refused, match="No copies of shop, x came back that DRP-0007 moved: of o"):
        kept_ids(back, ["x", "shop", "orders"])
    check_ids(back, ["1", "2"], field="keep")
    with pytest.raises(Refused, match="DRP-0007 moved no database 3 that goes back") as refused:
        check_ids(back, ["1", "3"], field="keep")
    assert refused.value.field == "keep"
