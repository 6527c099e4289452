"""A restore on another host to an earlier moment than the newest."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from recovery.restores.models import Restore
from tests.dashboard.archives.test_restores import PATH, chosen, page
from tests.dashboard.archives.test_restores import lost as lost  # noqa: PLC0414 - a fixture
from tests.dashboard.conftest import SignIn


def test_the_loss_of_an_earlier_moment_is_shown_before_anybody_asks_for_it(
    sign_in: SignIn, lost: datetime
) -> None:
    client = sign_in("responder")
    html = page(client, PATH)
    to = (lost - timedelta(minutes=20)).replace(microsecond=0)
    form = {
        "source": chosen(html, "source"),
        "host": chosen(html, "host"),
        "typed": "wiki-pg",
        "reason": "Its board is dead.",
        "to": f"{to:%Y-%m-%d %H:%M:%S}",
    }
    first = client.post(PATH, form)
    assert first.status_code == 422
    said = first.content.decode()
    assert "Nothing was done yet" in said
    assert f"acknowledged after {to:%d %b %H:%M:%S} UTC" in re.sub("<[^>]*>", "", said)
    assert not Restore.objects.exists()
    found = re.search(r'name="shown" value="([^"]+)"', said)
    assert found is not None
    client.post(PATH, form | {"shown": found.group(1)})
    assert Restore.objects.get().to == to
