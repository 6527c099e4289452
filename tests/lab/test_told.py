"""What `manage.py lab` prints of an answer of the lab."""

from __future__ import annotations

from dashboard.management.commands.lab import told


def test_hosts_and_stores_are_named_in_words() -> None:
    lost = {"hosts": ["par1-a1", "par1-a2"], "stores": ["s3-par1"]}
    assert told(lost) == "hosts par1-a1, par1-a2; stores s3-par1"
    assert told({"hosts": []}) == "hosts none"
    assert told({}) == "done"
