"""What is damaged costs its own run, rings, and stops nothing else."""

from __future__ import annotations

from recovery.alarms.models import Alarm
from recovery.drp.models import Run
from recovery.drp.sights import RunSight
from tests.actions.drp.ground import Ground


def rings(key: str) -> bool:
    return Alarm.objects.filter(key=key).exclude(state="ended").exists()


def test_a_run_that_cannot_be_read_rings_and_is_carried_on_when_it_can(ground: Ground) -> None:
    run: Run = ground.begin()
    whole = ground.cycle.gates

    def broken(sight: RunSight) -> dict[str, object]:
        raise KeyError("no such step")

    ground.cycle.gates = broken  # type: ignore[assignment]
    assert ground.look() == 0
    assert rings(f"drp-unreadable:{run.pk}")
    assert "no such step" in Alarm.objects.get(key=f"drp-unreadable:{run.pk}").body
    ground.cycle.gates = whole
    assert ground.look() > 0
    assert not rings(f"drp-unreadable:{run.pk}")


def test_a_damaged_file_of_keys_is_nobodys_and_rings(ground: Ground) -> None:
    ground.begin()
    whole = ground.pins.read_bytes()
    ground.pins.write_bytes(b"[{")
    assert ground.look() > 0, "what takes no signature goes on"
    assert rings("drp-pins-unreadable")
    ground.pins.write_bytes(whole)
    ground.look()
    assert not rings("drp-pins-unreadable")
