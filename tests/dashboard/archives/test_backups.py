"""The Backups page, a database's three replicas, the line on the overview, and the API."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from pytest_django import DjangoAssertNumQueries

from dashboard.panels import draw
from dashboard.permissions import Role
from dashboard.screen import Screen
from recovery.alarms.models import Alarm
from recovery.backups.cycle import hear_own
from recovery.backups.models import ArchiveSight, BackupReplica, RecoveryHour, Store
from recovery.core import clock
from recovery.core.wire.backups import BackupFact
from recovery.inventory.models import Host
from recovery.own.folder import OwnFolder, Report
from tests.dashboard import bases
from tests.dashboard.archives import GAP, seed_backups, seed_own
from tests.dashboard.conftest import SignIn


@pytest.fixture
def backed_up(hosts: dict[str, Host]) -> None:
    now = clock.system.now()
    seed_backups(bases.seed_bases(hosts, now), now)


def text(topic: str) -> str:
    return draw(topic, Screen(Role.VIEWER))


def test_without_a_store_the_page_says_so_and_what_to_do_and_nothing_rings(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    bases.seed_bases(hosts, clock.system.now())
    page = sign_in("viewer").get("/backups/").content.decode()
    assert "No store is configured, so nothing can be restored." in page
    assert "manage.py store NAME --kind directory" in page
    assert "Tocsin’s own rows, audit log and keys are backed up nowhere" in page
    assert not Alarm.objects.exists()
    assert "hidden" in text("promises")
    assert "hidden" in text("database-backups:orders-pg")


@pytest.mark.usefixtures("backed_up")
def test_tocsin_itself_has_a_row_that_says_that_it_is_backed_up_nowhere_and_how() -> None:
    matrix, voice = text("backups"), text("backups-voice")
    own = matrix[matrix.index("its own rows, audit log and keys") :]
    assert "backed up nowhere" in own
    assert "manage.py own store STORE --number 1" in own
    assert "are backed up nowhere" in voice


@pytest.mark.usefixtures("backed_up")
def test_tocsins_own_points_stand_in_its_row_and_in_the_quote_of_its_site(
    sign_in: SignIn, tmp_path: Path
) -> None:
    now = clock.system.now()
    seed_own(now)
    OwnFolder(tmp_path).path.mkdir()
    fact = BackupFact(replica="", database="", state="failed", trouble="The spool is full.")
    OwnFolder(tmp_path).tell(Report(at=now, fact=fact, keys="Its keys are in no store."))
    hear_own(tmp_path)
    matrix = text("backups")
    own = matrix[matrix.index("its own rows, audit log and keys") :]
    for said in ("PAR1", "OSU2", "MRS1", "The spool is full.", "Its keys are in no store."):
        assert said in own
    assert "nowhere" not in matrix + text("backups-voice")
    loss = text("backups-loss")
    assert loss.count("<b>Tocsin itself</b> loses") == 1
    found = sign_in("viewer").get("/api/backups").json()
    assert [one["replica"] for one in found["points"] if one["database"] == "Tocsin"] == [1, 2, 3]
    (quoted,) = [one for one in found["quotes"] if one["own"]]
    assert (quoted["datacenter"], quoted["own"]["replica"]) == ("PAR1", 2)


@pytest.mark.usefixtures("backed_up")
def test_the_sentence_counts_by_the_worst_of_each_database() -> None:
    voice = text("backups-voice")
    assert "0 of 4 databases are known to keep every promise of their backups." in voice
    assert "never restored." in voice
    for said in ("2 not kept", "1 at risk", "1 unknown", "1 database has no backup replica"):
        assert said in voice


@pytest.mark.usefixtures("backed_up")
def test_the_matrix_shows_age_place_distance_state_and_proof() -> None:
    matrix = text("backups")
    crm = matrix[matrix.index("/databases/crm-pg/") : matrix.index("/databases/wiki-pg/")]
    assert "Replica 3: its last restore test failed" in crm
    assert ", ageing" in crm
    assert "OSU2, 25.7\u00a0km" in crm.replace("&nbsp;", "\u00a0")
    assert "not restorable" in crm
    assert matrix.index("crm-pg") < matrix.index("orders-pg") < matrix.index("fresh-pg")
    assert "not read" in matrix[matrix.index("/databases/orders-pg/") :]


@pytest.mark.usefixtures("backed_up")
def test_the_quote_names_the_replica_that_would_be_used_and_why_not_the_others() -> None:
    loss = text("backups-loss")
    assert "If <b>OSU2</b> vanished now" in loss
    assert "1 database can’t be restored." in loss, "fresh-pg has no replica"
    assert f"Replica 2 in PAR1: {GAP}" in text("backups-loss")
    assert "Replica 1 is in PAR1 too." in loss


@pytest.mark.usefixtures("backed_up")
def test_a_database_shows_its_three_replicas_with_what_is_wrong() -> None:
    shown = text("database-backups:wiki-pg")
    assert "Replica 2 in PAR1 has nothing to restore." in shown
    assert GAP[3:] in shown
    assert "s3-osu2: connection refused." in shown
    assert "three are promised" in text("database-backups:fresh-pg")


@pytest.mark.usefixtures("backed_up")
def test_the_overview_has_one_line_and_its_sentence_counts_what_rings() -> None:
    line = text("promises")
    assert line.count("<p class=") == 2, "its age and one line"
    assert " And 3 more." in line
    assert Screen(Role.VIEWER).sentence.text == "2 backup promises not kept."
    assert Screen(Role.VIEWER).alarm == "open"


@pytest.mark.usefixtures("backed_up")
def test_the_plot_is_of_the_worst_database_and_can_be_heard() -> None:
    plot = text("backups-ages")
    assert "crm-pg" in plot
    assert "replica 2 used at most" in plot
    assert plot.count("<polyline") == 3


@pytest.mark.usefixtures("backed_up")
def test_each_database_can_be_chosen_for_the_plot_and_its_last_week(sign_in: SignIn) -> None:
    client = sign_in("viewer")
    chosen = client.get("/backups/?database=wiki-pg&days=7").content.decode()
    assert "backups-ages%3Awiki-pg%3A7" in chosen, "what is pushed is what was chosen"
    band = chosen[chosen.index('id="p-backups-ages"') :]
    band = band[: band.index("</section>")]
    assert "Age of wiki-pg’s newest restorable moment over the last week" in band
    assert "days in UTC" in band
    assert band.count("<polyline") == 3
    assert "replica 2 had nothing to restore" in band
    assert '<line class="nothing"' in band
    assert "<b>nothing to restore</b>" in band
    assert "/backups/?database=crm-pg&amp;days=7#p-backups-ages" in band
    RecoveryHour.objects.filter(replica__database__name="orders-pg").delete()
    assert "Nothing was noted" in text("backups-ages:orders-pg:7")
    assert client.get("/backups/?database=nobody").status_code == 404
    own = client.get("/databases/wiki-pg/?days=7").content.decode()
    assert "wiki-pg’s newest restorable moment over the last week" in own


@pytest.mark.usefixtures("backed_up")
def test_a_store_that_is_away_is_told_in_a_sentence_and_its_error_one_level_deeper() -> None:
    endless = 'Could not connect to the endpoint URL: "http://127.84.0.9:8333/backups?list-type=2"'
    ArchiveSight.objects.filter(replica__store__name="s3-osu2").update(
        error=f"s3-osu2: cannot be reached: {endless}.", read_at=None, moment=None
    )
    stores = text("backups-stores")
    row = stores[stores.index("s3-osu2") :]
    said, deeper = (
        row[: row.index("<details")],
        row[row.index("<details") : row.index("</details>")],
    )
    assert "The store of OSU2 doesn’t answer yet, for <time" in said
    assert "endpoint" not in said
    assert "endpoint URL" in deeper
    ArchiveSight.objects.filter(replica__store__name="s3-osu2").update(
        error="s3-osu2: these credentials may not do that (403).", read_at=F("looked_at")
    )
    refused = "The store of OSU2 can’t be read, for <time"
    assert refused in text("backups-stores")


@pytest.mark.usefixtures("backed_up")
def test_stores_and_restore_tests_are_listed() -> None:
    stores, proofs = text("backups-stores"), text("backups-proofs")
    assert "http://s3.par1.internal:8333/backups" in stores
    assert "for-tests" not in stores, "no secret on a page"
    assert "was altered" in proofs
    assert "79.8" in proofs


def test_twenty_more_databases_cost_no_more_queries(
    hosts: dict[str, Host], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    now = clock.system.now()
    seed_backups(bases.seed_bases(hosts, now), now)
    for n in range(20):
        bases.seed_database(f"more-{n}", [hosts["osu2-r2-h01"]], now, port=17000 + n)
    with django_assert_max_num_queries(16):
        screen = Screen(Role.VIEWER)
        for topic in ("backups-voice", "backups", "backups-loss", "backups-proofs"):
            draw(topic, screen)
        draw("backups-stores", screen)


@pytest.mark.usefixtures("backed_up")
def test_the_api_gives_points_and_quotes(sign_in: SignIn) -> None:
    found = sign_in("viewer").get("/api/backups").json()
    assert found["is_configured"]
    points = {(one["database"], one["replica"]): one for one in found["points"]}
    assert len(points) == 12
    first = points["orders-pg", 1]
    assert (first["state"], first["place"], first["promise"]) == ("fresh", "PAR1", "30 min")
    assert 4 <= first["age_seconds"] < 60
    assert points["wiki-pg", 2]["at"] is None
    assert points["wiki-pg", 2]["missing"] == [GAP]
    assert points["orders-pg", 2]["unread_since"] is not None
    quotes = {one["datacenter"]: one for one in found["quotes"]}
    assert quotes["MRS1"]["said"].startswith("If MRS1 vanished now: 1 database loses ")
    lost = {one["database"]: one for one in quotes["PAR1"]["databases"]}
    assert (lost["orders-pg"]["replica"], lost["orders-pg"]["is_unread"]) == (2, True)
    assert lost["orders-pg"]["why_not"][0] == "replica 1 is in PAR1 too."


def test_the_api_without_a_store_says_so_and_quotes_nothing(sign_in: SignIn) -> None:
    found = sign_in("viewer").get("/api/backups").json()
    assert found == {"is_configured": False, "trouble": [], "points": [], "quotes": []}


def test_nobody_reads_the_points_without_signing_in(sign_in: SignIn) -> None:
    client = sign_in("viewer")
    client.logout()
    assert client.get("/api/backups").status_code == 401


def test_a_store_is_described_and_filled_on_the_command_line(
    hosts: dict[str, Host], tmp_path: Path
) -> None:
    bases.seed_bases(hosts, clock.system.now())
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"access_key": "a", "secret_key": "s"}))
    out = StringIO()
    words = ["s3-par1", "--kind", "s3", "--place", "PAR1", "--address", "http://s3:8333"]
    words += ["--bucket", "b", "--credentials", str(keys), "--replica", "orders-pg:1"]
    call_command("store", *words, stdout=out)
    assert "Replica 1 of orders-pg lies in s3-par1." in out.getvalue()
    store = Store.objects.get()
    assert store.credentials == {"access_key": "a", "secret_key": "s"}
    call_command("store", "s3-par1", "--replica", "crm-pg:1", stdout=out)
    assert BackupReplica.objects.filter(store=store).count() == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["new"], "new is new: give --kind"),
        (["new", "--kind", "s3", "--address", "x", "--place", "LIL1"], "no datacenter LIL1"),
        (["known", "--replica", "nope:1"], "no database nope"),
        (["known", "--replica", "orders-pg"], "write DATABASE:1"),
        (["known", "--replica", "orders-pg:1"], "Replica 1 is in OSU2, and orders-pg belongs"),
        (["known", "--replica", "orders-pg:4"], "and no 4"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    hosts: dict[str, Host], words: list[str], said: str
) -> None:
    bases.seed_bases(hosts, clock.system.now())
    known = ["known", "--kind", "directory", "--place", "OSU2", "--address", "/srv/known"]
    call_command("store", *known, stdout=StringIO())
    with pytest.raises(CommandError, match=said):
        call_command("store", *words)
    assert not BackupReplica.objects.exists()


def test_a_panel_holds_no_hour(hosts: dict[str, Host], monkeypatch: pytest.MonkeyPatch) -> None:
    """A push of now equals a reload of an hour later, while no row changed."""
    now = clock.system.now()
    seed_backups(bases.seed_bases(hosts, now), now)
    topics = ("backups-voice", "backups", "backups-loss", "backups-ages", "backups-proofs")
    before = [text(topic) for topic in topics]
    later = now + timedelta(hours=1)
    monkeypatch.setattr(clock.SystemClock, "now", lambda self: later)
    assert [text(topic) for topic in topics] == before


@pytest.mark.usefixtures("backed_up")
def test_the_forecast_of_the_overview_quotes_the_loss_of_data_too() -> None:
    forecast = text("forecast")
    assert forecast.count('Restored from <a href="/backups/">backups</a>, ') == 3
    assert "1 database can’t be restored." in forecast


def test_the_forecast_quotes_nothing_while_no_store_is_configured(hosts: dict[str, Host]) -> None:
    bases.seed_bases(hosts, clock.system.now())
    assert "Restored from" not in text("forecast")
