"""Two people say, by page or API, that a datacenter that nobody hears is lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from recovery.core import clock
from recovery.detection.actions import end_vouch, see_again
from recovery.detection.models import LossVouch
from recovery.inventory.actions import remember_host
from recovery.inventory.models import Host
from tests.actions.drp.ground import Ground
from tests.dashboard.drp.conftest import Enter, text
from tests.dashboard.drp.test_unseen import go_dark
from tests.support.fleet import BY

PAGE, API = "/recovery/OSU2/vouch/", "/api/recovery/OSU2/vouch"
FIRE = "The fire brigade is there."
pytestmark = pytest.mark.usefixtures("ground")


def say(client: Client, first: str = "", typed: str = "OSU2", page: str = PAGE) -> tuple[int, str]:
    """Where a form was taken, the page that it leads to."""
    told = {"typed": typed, "first": first, "reason": FIRE}
    answer = client.post(page, told, follow=True)
    return answer.status_code, text(answer)


def asked() -> str:
    return str(LossVouch.objects.get(state="asked").pk)


def test_the_way_there_stands_first_on_the_overview_and_on_its_own_page(enter: Enter) -> None:
    go_dark()
    amelie = enter("amelie")
    overview = text(amelie.get("/"))
    assert 'href="/recovery/OSU2/vouch/">Vouch that OSU2 is lost</a>' in overview
    assert "Vouch that MRS1 is lost" not in overview, "its agents spoke a moment ago"
    assert "Vouch that OSU2 is lost…" in text(amelie.get("/recovery/OSU2/"))
    page = text(amelie.get(PAGE))
    assert "look the same from here" in page
    assert "A second person has to say so, too, within 30 minutes" in page


def test_two_people_one_after_the_other_and_a_third_takes_it_back(enter: Enter) -> None:
    go_dark()
    amelie, bruno = enter("amelie"), enter("bruno")
    status, page = say(amelie)
    assert status == 200
    assert "Nothing follows before a second person gives theirs." in page
    assert f"that it is lost: {FIRE}" in page
    assert "amelie vouches that it is; nothing follows" in text(bruno.get("/"))
    assert "somebody else’s" in text(amelie.get(PAGE))
    assert f": {FIRE}" in text(bruno.get(PAGE))
    status, page = say(bruno, asked())
    assert status == 200
    assert "Two people vouch that OSU2 is lost: none of its hosts is expected any more." in page
    assert "by the word of amelie and bruno, until one of its hosts is heard." in page
    assert "Vouch that OSU2 is lost" not in text(amelie.get("/"))
    assert [one["second"] for one in amelie.get(f"{API}es").json()] == ["bruno"]
    back = enter("chloe").post(f"{PAGE}withdraw/", {"reason": "It lives."}, follow=True)
    assert "OSU2 counts by what is heard of it again." in text(back)
    assert LossVouch.objects.get().state == "over"


@pytest.mark.parametrize(
    ("who", "typed", "first", "refusal"),
    [
        ("amelie", "OSU2", "own", (403, "somebody else’s")),
        ("bruno", "osu2", "own", (422, "This is not OSU2")),
        ("bruno", "OSU2", "", (422, "Somebody gave the first word since you")),
        ("bruno", "OSU2", "00000000-0000-0000-0000-000000000000", (422, "no longer the open one")),
    ],
)
def test_a_word_that_is_not_taken_keeps_its_form(
    enter: Enter, who: str, typed: str, first: str, refusal: tuple[int, str]
) -> None:
    go_dark()
    say(enter("amelie"))
    found, page = say(enter(who), asked() if first == "own" else first, typed)
    assert (found, refusal[1] in page) == (refusal[0], True), page
    assert FIRE in page, "what was typed stays"
    assert LossVouch.objects.get().state == "asked"


def test_what_is_not_so_any_more_is_refused_by_page_and_api(enter: Enter) -> None:
    go_dark()
    amelie = enter("amelie")
    assert say(amelie, page="/recovery/MRS1/vouch/", typed="MRS1")[0] == 422
    assert amelie.get("/recovery/NONE/vouch/").status_code == 404
    for host in Host.objects.filter(datacenter__name="OSU2")[:1]:
        remember_host(host=host.pk, now=clock.system.now())
    refused = amelie.post(API, {"typed": "OSU2", "reason": FIRE}, content_type="application/json")
    assert refused.status_code == 409
    assert "1 of 2 hosts of OSU2 are heard" in refused.json()["detail"]
    for host in Host.objects.filter(datacenter__name="OSU2"):
        remember_host(host=host.pk, now=clock.system.now() - timedelta(minutes=2))
    see_again(actor=BY, now=clock.system.now())
    status, page = say(amelie)
    assert (status, "Tocsin sees: if OSU2 is lost it judges that by itself" in page) == (422, True)
    gone = amelie.post(f"{API}/withdraw", {"reason": FIRE}, content_type="application/json")
    assert gone.status_code == 409


def test_what_disproved_the_last_word_stands_where_the_next_one_is_given(enter: Enter) -> None:
    go_dark()
    say(enter("amelie"))
    say(enter("bruno"), asked())
    row, seen = LossVouch.objects.get(), "mrs1-01 sees osu2-01 alive."
    end_vouch(pk=row.pk, actor=BY, reason=seen, now=clock.system.now())
    for page in ("/recovery/OSU2/", PAGE):
        assert f"The word of amelie and bruno is over: {seen}" in text(enter("chloe").get(page))


def test_by_the_api_two_people_too(enter: Enter) -> None:
    go_dark()
    told = {"typed": "OSU2", "reason": FIRE}
    first = enter("amelie").post(API, told, content_type="application/json")
    assert first.status_code == 200, first.content
    told |= {"first": asked()}
    own = enter("amelie").post(API, told, content_type="application/json")
    assert own.status_code == 403
    second = enter("bruno").post(API, told, content_type="application/json")
    assert second.status_code == 200, second.content
    assert enter("bruno").post(API, told, content_type="application/json").status_code == 409
    assert LossVouch.objects.get().state == "standing"


def test_who_only_watches_gives_no_word(ground: Ground, enter: Enter) -> None:
    go_dark()
    viewer = enter("vera")
    assert viewer.get(PAGE).status_code == 403
    told = {"typed": "OSU2", "reason": FIRE}
    assert viewer.post(API, told, content_type="application/json").status_code == 403
    assert not LossVouch.objects.exists()
