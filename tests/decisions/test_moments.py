"""One form of a moment, for pages, API and commands."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError

from dashboard.api.recovery import SaidIn
from dashboard.forms import Moment
from dashboard.management.commands import audit, own
from dashboard.templatetags.tocsin import at
from recovery.agent.backups.__main__ import _moment as by_hand
from recovery.core.moments import (
    MINUTE,
    REFUSAL,
    BadMoment,
    ends,
    instant,
    read_moment,
    rounded_up,
)

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-29 12:00:00",
        "2026-11-29T12:00:00",
        "2026-11-29T12:00:00Z",
        "2026-11-29 13:00:00+01:00",
        "2026-11-29T02:30:00-09:30",
    ],
)
def test_a_moment_is_read_in_utc_and_an_offset_is_converted(text: str) -> None:
    read = read_moment(text)
    assert (read, read.tzinfo) == (NOON, UTC)
    assert instant(read) == "29 Nov 12:00:00 UTC"


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "1" * 5000, "2026-W48-7", "2026-W48-7 12:00:00", "20261129T120000"),
        *("11/29/2026 10:47", "2026-11-29", "2026-11-29 12:00", "1764417600", "2026-11-29 12"),
        *("٢٠٢٦-١١-٢٩ ١٢:٠٠:٠٠", "2026-11-29 12:00:00 UTC", "2026-11-29 12:00:00.1234567"),
        *("2026-02-30 12:00:00", "2026-11-29 25:00:00", "0000-01-01 00:00:00"),
        *("0001-01-01 00:00:00+01:00", "9999-12-31 23:59:59-01:00", "2026-11-29 12:00:00+25:00"),
        *("2026-11-29 12:00:00\x00", "2026-11-29 12:00:00\n"),
    ],
)
def test_what_has_another_form_or_is_no_moment_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(BadMoment, match="2026-11-28 18:00:00"):
        read_moment(text)


def test_a_moment_out_of_a_log_keeps_its_part_of_a_second() -> None:
    assert read_moment("2026-11-29T12:00:00.250Z").microsecond == 250_000
    assert Moment(label="To").clean("2026-11-29 12:00:00.250") == NOON.replace(microsecond=250_000)


def test_a_part_of_a_second_is_shown_where_a_person_wrote_one() -> None:
    late = NOON.replace(microsecond=123_000)
    assert instant(late, exact=True) == "29 Nov 12:00:00.123 UTC"
    tiny = NOON.replace(microsecond=400)
    assert instant(tiny, exact=True) == "29 Nov 12:00:00.000400 UTC"
    assert "29 Nov 12:00:00.000400" in at(tiny, "exact")
    assert instant(NOON, exact=True) == instant(late) == "29 Nov 12:00:00 UTC"


def test_both_ends_of_a_range_that_is_shown_lie_within_it() -> None:
    first, last = NOON + timedelta(microseconds=1), NOON + timedelta(seconds=9.999)
    assert ends(first, last) == ("29 Nov 12:00:01 UTC", "29 Nov 12:00:09 UTC")
    assert ends(NOON, NOON) == ("29 Nov 12:00:00 UTC", "29 Nov 12:00:00 UTC")
    assert ends(first, first) == ("29 Nov 12:00:00.000001 UTC", "29 Nov 12:00:00.000001 UTC")
    assert rounded_up(first, MINUTE) == NOON + MINUTE
    assert rounded_up(NOON, MINUTE) == NOON


def test_the_commands_read_it_as_the_pages_do() -> None:
    for read in (own._moment, by_hand, audit._instant):
        assert read("2026-11-29 13:00:00+01:00") == NOON
    with pytest.raises(CommandError, match="18:00:00"):
        own._moment("2026-W48-7")
    for read in (by_hand, audit._instant):
        with pytest.raises(argparse.ArgumentTypeError, match="18:00:00"):
            read("2026-W48-7")


def test_the_api_reads_it_as_the_pages_do() -> None:
    told = {"said": "Fire.", "source": "status page", "until": "2026-11-29 13:00:00+01:00"}
    assert SaidIn.model_validate(told).until == NOON
    for wrong in ("2026-W48-7", 1764417600):
        with pytest.raises(ValueError, match="18:00:00"):
            SaidIn.model_validate(told | {"until": wrong})


def test_a_calendar_of_a_browser_writes_whole_minutes() -> None:
    assert Moment(label="Until", minutes=True).clean("2026-11-29T12:00") == NOON
    with pytest.raises(Exception, match=REFUSAL[:20]):
        Moment(label="Until").clean("2026-11-29T12:00")


def test_a_year_is_said_where_it_is_another_one() -> None:
    assert instant(NOON, NOON) == "29 Nov 12:00:00 UTC"
    assert instant(NOON, NOON.replace(year=2027)) == "29 Nov 2026 12:00:00 UTC"
