"""Runbooks on their pages: read, edited with what is wrong beside it, made active by another."""

from __future__ import annotations

import html
import re
from typing import Any

from django.test import Client

from recovery.drp.models import RunbookVersion
from tests.actions.drp.ground import Ground, short_runbook
from tests.dashboard.drp.plans.conftest import Enter, text

BOOK = "/recovery/runbooks/datacenter-lost/"


def second(old: str = "", new: str = "") -> str:
    """The text of a version 2, with this in place of that."""
    return short_runbook().decode().replace("version: 1", "version: 2").replace(old, new or old)


def propose(client: Client, raw: str, **more: object) -> Any:
    told = {"text": raw, "base": 1, "reason": "Shorter.", "propose": "1"} | more
    return client.post(f"{BOOK}edit/", told)


def test_everybody_reads_the_list_a_plan_and_its_source(ground: Ground, enter: Enter) -> None:
    client = enter("vera")
    assert "No runbook yet." in text(client.get("/recovery/runbooks/"))
    ground.write()
    page = text(client.get("/recovery/runbooks/"))
    for said in ("version 1 in force", "not looked at yet", "datacenter lost", "never", "31 May"):
        assert said in page
    page = text(client.get(BOOK))
    for said in ("Point of no return.", "There is no way back.", "It was never drilled.", "Thaw."):
        assert said in page
    assert "2 of role approver, by passkey" in page
    assert "Edit it" not in page
    page = text(client.get(f"{BOOK}source/"))
    assert 'id="L1"' in page
    assert "runbook: datacenter-lost" in page
    for missing in ("/recovery/runbooks/none/", f"{BOOK}?version=9", f"{BOOK}9/review/"):
        assert client.get(missing).status_code == 404
    assert client.get(f"{BOOK}edit/").status_code == 403


def test_what_is_wrong_is_said_with_line_and_column_and_nothing_typed_is_lost(
    ground: Ground, enter: Enter
) -> None:
    ground.write()
    client, bad = enter("amelie"), second("timeout: 5m", "timeout: later")
    answer = propose(client, bad)
    assert answer.status_code == 422
    page = text(answer)
    line = bad[: bad.index("timeout: later")].count("\n") + 1
    assert f"Line {line}, column 5" in page
    assert "'later' is no span of time." in page
    assert typed(answer) == bad
    assert RunbookVersion.objects.count() == 1
    answer = propose(client, second(), reason="")
    assert answer.status_code == 422
    assert "Say what you change and why" in text(answer)
    assert typed(answer) == second()


def typed(answer: Any) -> str:
    found = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", answer.content.decode(), re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


def test_the_form_begins_with_the_next_number_and_shows_the_difference_first(
    ground: Ground, enter: Enter
) -> None:
    ground.write()
    client = enter("amelie")
    begun = typed(client.get(f"{BOOK}edit/"))
    assert begun == second()
    answer = client.post(f"{BOOK}edit/", {"text": begun.replace("Thaw.", "Lift it."), "base": 1})
    assert answer.status_code == 200
    page = text(answer)
    assert "2 lines new, 2 gone" in page
    assert "    undo: Lift it." in page
    assert RunbookVersion.objects.count() == 1, "a look writes nothing"


def test_a_second_person_makes_it_active_and_its_author_cannot(
    ground: Ground, enter: Enter
) -> None:
    first = ground.write()
    answer = propose(enter("bruno"), second("Thaw.", "Lift it."))
    assert answer.status_code == 302
    review = answer["Location"]
    assert review == f"{BOOK}2/review/"
    row = RunbookVersion.objects.get(number=2)
    told = {"reason": "I read it.", "seen": row.digest, "over": 1}
    assert "You wrote it" in text(enter("bruno").get(review))
    assert enter("bruno").post(review, told).status_code == 403
    assert "That takes the role approver." in text(enter("amelie").get(review))
    assert enter("amelie").post(review, told).status_code == 403
    page = text(enter("chloe").get(review))
    assert "2 lines new, 2 gone" in page
    assert "<dt>Why</dt><dd>Shorter. <a" in page
    assert "Make version 2 of datacenter-lost active" in page
    assert enter("chloe").post(review, told | {"seen": "0" * 64}).status_code == 409
    assert enter("chloe").post(review, told | {"over": 0}).status_code == 409
    assert "is in force" in text(enter("chloe").post(review, told, follow=True))
    row.refresh_from_db()
    first.refresh_from_db()
    assert (row.state, row.activated_by, first.state) == ("active", "chloe", "retired")


def test_a_version_on_top_of_one_that_is_old_is_refused_and_its_text_kept(
    ground: Ground, enter: Enter
) -> None:
    ground.write()
    propose(enter("bruno"), second("Thaw.", "Lift it."))
    answer = propose(enter("amelie"), second("Thaw.", "Melt it."))
    assert answer.status_code == 409
    assert "Somebody wrote version 2 of datacenter-lost meanwhile." in text(answer)
    assert "Melt it." in typed(answer)
    page = answer.content.decode()
    assert page.index("Somebody wrote version 2") < page.index("What changes"), (
        "said first, and once"
    )
    assert page.count("Somebody wrote version 2") == 1
    answer = propose(enter("amelie"), second().replace("datacenter-lost", "another"), base=2)
    assert "This is another, and you edit datacenter-lost." in text(answer)


def test_a_draft_is_withdrawn_with_a_reason_and_a_new_one_is_written(
    ground: Ground, enter: Enter
) -> None:
    client = enter("amelie")
    told = {"text": short_runbook().decode(), "base": 0, "reason": "New.", "propose": "1"}
    assert client.post("/recovery/runbooks/new/", told)["Location"] == f"{BOOK}1/review/"
    withdraw = f"{BOOK}1/withdraw/"
    assert "Say why" in text(client.post(withdraw, {"reason": " "}, follow=True))
    assert enter("vera").post(withdraw, {"reason": "x"}).status_code == 403
    assert "is withdrawn" in text(client.post(withdraw, {"reason": "Too long."}, follow=True))
    assert RunbookVersion.objects.get().state == "retired"
