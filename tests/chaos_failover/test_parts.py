"""The parts of the harness that decide: what is planned, and what counts as two primaries."""

from __future__ import annotations

import json
from pathlib import Path

from tests.chaos_failover.__main__ import DATABASES, rounds
from tests.chaos_failover.acks import Ack, Tenure, longest_gap, overlaps
from tests.chaos_failover.plan import CONTROL, HARMS, LOSSES, plan_schedule
from tests.chaos_failover.strikes import End
from tests.chaos_failover.table import table
from tests.chaos_failover.writing import databases_in
from tests.support.kept import where_to_begin

OLD, NEW = Tenure("db", "a", "1"), Tenure("db", "b", "2")


def _acks(tenure: Tenure, *moments: float) -> list[Ack]:
    return [Ack(int(10 * at), tenure, at, at + 0.01, "fresh IPv4") for at in moments]


def test_a_seed_and_a_number_name_one_schedule() -> None:
    again = [plan_schedule(7, number, DATABASES[::-1]) for number in range(1, 60)]
    assert again == [plan_schedule(7, number, DATABASES) for number in range(1, 60)]


def test_schedules_hold_everything_that_may_befall() -> None:
    plans = [plan_schedule(7, number, DATABASES) for number in range(1, 301)]
    kinds = {kind for plan in plans for kind in plan.kinds}
    assert kinds == {*LOSSES, *HARMS, "kill-control", "stop-control"}
    strikes = [strike for plan in plans for strike in plan.strikes]
    assert {one.what for one in strikes if one.target == "control"} == set(CONTROL)
    assert {one.what for one in strikes if one.kind == "sever"} == {"both", "in", "out"}
    assert {one.target for one in strikes} == {"primary", "standby", "control"}
    assert {plan.database for plan in plans} == set(DATABASES)


def test_a_round_loses_no_more_hosts_than_pass_without_a_person() -> None:
    for numbers in rounds(list(range(1, 301))):
        plans = [plan_schedule(7, number, DATABASES) for number in numbers]
        assert sum(bool(plan.kinds & set(LOSSES)) for plan in plans) <= 2
        assert {plan.database for plan in plans} == set(DATABASES)


def test_one_primary_after_another_is_no_overlap() -> None:
    assert overlaps([*_acks(NEW, 3.0, 4.0), *_acks(OLD, 1.0, 2.9)]) == []


def test_a_write_of_the_old_primary_after_the_new_ones_first_is_an_overlap() -> None:
    (found,) = overlaps([*_acks(OLD, 1.0, 3.2), *_acks(NEW, 3.0, 4.0)])
    assert (found.older, found.newer, found.writes) == (OLD, NEW, 1)
    assert round(found.seconds, 3) == 0.2
    assert "two primaries of db" in str(found)


def test_a_primary_that_leads_again_later_is_another_tenure() -> None:
    again = Tenure("db", "a", "3")
    assert overlaps([*_acks(OLD, 1.0), *_acks(NEW, 2.0), *_acks(again, 3.0, 9.0)]) == []


def test_two_databases_have_a_primary_each() -> None:
    other = Tenure("other", "b", "1")
    assert overlaps([*_acks(OLD, 1.0, 3.0), *_acks(other, 2.0, 4.0)]) == []


def test_the_same_mark_on_two_servers_is_an_overlap() -> None:
    twin = Tenure("db", "b", "1")
    assert len(overlaps([*_acks(OLD, 1.0, 3.0), *_acks(twin, 2.0, 4.0)])) == 1


def test_the_longest_gap_is_between_acknowledgements_of_whichever_server() -> None:
    assert round(longest_gap([*_acks(OLD, 1.0, 2.0), *_acks(NEW, 7.0)]), 2) == 5.0


def test_who_was_acknowledged_so_far_is_read_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "acks"
    assert databases_in(path) == set()
    (ack,) = _acks(OLD, 1.0)
    path.write_text(f"{json.dumps(ack)}\n" + json.dumps(ack._replace(tenure=NEW))[:9])
    assert databases_in(path) == {"db"}


def test_a_stopped_server_of_a_hung_host_goes_on_after_its_host() -> None:
    end = End(8.4, lambda: None, "ccc1-b1")
    assert end.after({"ccc1-b1": 15.4}).due > 15.4
    assert end.after({"ccc1-b1": 7.0}) == end
    assert end.after({"ccc1-a1": 15.4}) == end
    assert End(8.4, lambda: None).after({"ccc1-b1": 15.4}).due == 8.4


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    kept.write_text(json.dumps({"seed": 5, "schedule": 6}) + "\n")
    assert where_to_begin(kept, 15, counted="schedule") == (5, 7)


def test_the_table_counts_faults_and_failovers() -> None:
    line = {
        "database": "db", "ok": False, "acknowledged": 10, "lost": 2, "longest_gap": 8.2,
        "whole": 31.0, "failovers": ["failover: done", "restart: done"],
    }  # fmt: skip
    assert table([line]).splitlines()[-1].split() == [
        "all", "1", "1", "10", "1", "2", "8.2", "s", "31.0", "s", "31.0", "s",
    ]  # fmt: skip
