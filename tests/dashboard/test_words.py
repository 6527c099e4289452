"""Two people's words: about a lost primary, and about a move with the disk."""

from __future__ import annotations

import pytest

from recovery.core import clock, transitions
from recovery.failover.models import Vouch
from recovery.failover.phases import Phase
from recovery.inventory.models import Host
from tests.dashboard import bases, fleet
from tests.dashboard.bases import Base
from tests.dashboard.conftest import SignIn


@pytest.fixture
def seeded(hosts: dict[str, Host]) -> dict[str, Base]:
    return bases.seed_bases(hosts, clock.system.now())


def page(sign_in: SignIn, path: str, role: str = "responder") -> str:
    return fleet.plain(sign_in(role).get(path).content.decode())


def shown_word(word: dict[str, str]) -> dict[str, str]:
    """As the page sends it that shows the first person's open word."""
    return word | {"first": str(Vouch.objects.get(state="asked").pk)}


def test_two_people_vouch_and_each_types_the_name(sign_in: SignIn, seeded: dict[str, Base]) -> None:
    bases.fail_over(seeded["orders-pg"], clock.system.now(), upto=Phase.ANALYSE)
    path, first = "/databases/orders-pg/vouch/", sign_in("responder")
    assert b"This is not orders-pg" in first.post(path, {"reason": "Off.", "typed": "no"}).content
    word = {"reason": "I pulled its plug.", "typed": "orders-pg"}
    first.post(path, word)
    alone = first.post(path, shown_word(word), headers={"HX-Request": "true"})
    assert b"the second one is somebody else" in alone.content
    assert Vouch.objects.get().state == "asked"
    assert "responder vouches" in page(sign_in, "/databases/orders-pg/")
    sign_in("approver").post(path, shown_word(word))
    given = Vouch.objects.get()
    assert (given.state, given.requested_by, given.given_by) == ("given", "responder", "approver")


def test_a_word_confirms_only_the_one_that_was_on_the_screen(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    now = clock.system.now()
    bases.fail_over(seeded["orders-pg"], now, upto=Phase.ANALYSE)
    path, word = "/databases/orders-pg/vouch/", {"reason": "It is off.", "typed": "orders-pg"}
    sign_in("responder").post(path, word)
    second = sign_in("approver")
    unseen = second.post(path, word)
    assert unseen.status_code == 422
    assert b"since you opened this page" in unseen.content
    old = shown_word(word)
    assert f'value="{old["first"]}"' in unseen.content.decode()
    transitions.move(
        Vouch.objects.get(), "expired", actor=fleet.CONTROLLER, reason="Over.", now=now
    )
    sign_in("responder").post(path, word)
    assert b"no longer the open one" in second.post(path, old).content
    assert sorted(Vouch.objects.values_list("state", flat=True)) == ["asked", "expired"]
    second.post(path, shown_word(word))
    assert sorted(Vouch.objects.values_list("state", flat=True)) == ["expired", "given"]


@pytest.mark.parametrize("upto", [None, Phase.PROMOTE, Phase.DONE])
def test_nobody_vouches_for_a_primary_that_serves_or_is_proven_off(
    sign_in: SignIn, seeded: dict[str, Base], upto: Phase | None
) -> None:
    if upto is not None:
        bases.fail_over(seeded["orders-pg"], clock.system.now(), upto=upto)
    path, word = "/databases/orders-pg/vouch/", {"reason": "Off.", "typed": "orders-pg"}
    assert path not in page(sign_in, "/databases/orders-pg/")
    dialog = page(sign_in, path)
    assert "No word is needed now (orders-pg: " in dialog
    assert "btn grave" not in dialog
    for who in ("responder", "approver"):
        answer = sign_in(who).post(path, word, headers={"HX-Request": "true"})
        assert answer.status_code == 409
        assert (b"waits for no proof" if upto is Phase.PROMOTE else b"not lost") in answer.content
    assert not Vouch.objects.exists()


def test_a_second_word_is_refused_once_the_primary_serves_again(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    now = clock.system.now()
    begun = bases.fail_over(seeded["orders-pg"], now, upto=Phase.ANALYSE)
    path, word = "/databases/orders-pg/vouch/", {"reason": "Off.", "typed": "orders-pg"}
    assert path in page(sign_in, "/databases/orders-pg/")
    sign_in("responder").post(path, word)
    over = {"ended_at": now, "end_reason": "It is back."}
    transitions.move(
        begun, Phase.ABANDONED, changes=over, actor=fleet.CONTROLLER, reason="Back.", now=now
    )
    bases.see(seeded["orders-pg"], clock.system.now())  # an old word of its agent proves nothing
    answer = sign_in("approver").post(path, shown_word(word), headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert Vouch.objects.get().state == "asked"


def test_a_starter_database_has_nobody_to_vouch_for(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    bases.wait(seeded["wiki-pg"], "Its host is lost.", clock.system.now())
    answer = sign_in("responder").post(
        "/databases/wiki-pg/vouch/",
        {"reason": "It is off.", "typed": "wiki-pg"},
        headers={"HX-Request": "true"},
    )
    assert b"no standby that could lead" in answer.content


def test_two_people_move_a_starter_database_with_its_disk(
    sign_in: SignIn, seeded: dict[str, Base], hosts: dict[str, Host]
) -> None:
    now = clock.system.now()
    path, first = "/databases/wiki-pg/move/", sign_in("responder")
    assert b"No word is needed now (wiki-pg: serves)" in first.get(path).content
    fleet.lose_host(hosts["mrs1-r1-h01"], now)
    bases.wait(seeded["wiki-pg"], "Its host mrs1-r1-h01 is lost.", now)
    html = first.get(path).content.decode()
    assert '<option value="mrs1-r2-h02">' in html
    assert '<option value="par1' not in html
    word = {"reason": "Its board is dead.", "typed": "wiki-pg", "host": "mrs1-r2-h02"}
    assert b"This is not wiki-pg" in first.post(path, word | {"typed": "wiki"}).content
    first.post(path, word)
    alone = first.post(path, shown_word(word), headers={"HX-Request": "true"})
    assert b"the second one is somebody else" in alone.content
    assert seeded["wiki-pg"].replicas[0].host == hosts["mrs1-r1-h01"]
    second = sign_in("approver")
    assert b"moves it to mrs1-r2-h02" in second.get(path).content
    mine = {"reason": "I moved the disk.", "typed": "wiki-pg"}
    assert b"since you opened this page" in second.post(path, mine).content
    second.post(path, shown_word(mine))
    row = seeded["wiki-pg"].replicas[0]
    row.refresh_from_db()
    assert row.host == hosts["mrs1-r2-h02"]
    html = page(sign_in, "/databases/")
    assert "waits for the disk of mrs1-r1-h01 on mrs1-r2-h02" in html
    assert "at most, once its server starts on mrs1-r2-h02 with its data" in html
