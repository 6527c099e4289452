"""Places and hosts."""

from __future__ import annotations

from enum import StrEnum

from django.db import models

from recovery.core.guarded import Guarded
from recovery.inventory.facts import VERDICT_MOVES, DomainKind, Replace, Verdict


def choices(kind: type[StrEnum]) -> list[tuple[str, str]]:
    """The values of an enum as a column's choices."""
    return [(str(item), str(item)) for item in kind]


class Datacenter(Guarded):
    """A site that can be lost as a whole. Distances come from its coordinates (B4)."""

    TYPE = "datacenter"

    name = models.CharField(max_length=40, unique=True)
    city = models.CharField(max_length=80, blank=True)
    region = models.CharField(max_length=80, blank=True)
    latitude = models.FloatField()
    longitude = models.FloatField()
    position = models.IntegerField(default=0)

    class Meta:
        ordering = ("position", "name")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(latitude__range=(-90, 90), longitude__range=(-180, 180)),
                name="coordinates_on_earth",
            )
        ]

    def __str__(self) -> str:
        return self.name


class FailureDomain(Guarded):
    """Hosts of one datacenter that fail together: a room, a rack, a power feed."""

    TYPE = "failure_domain"

    kind = models.CharField(max_length=10, choices=choices(DomainKind))
    name = models.CharField(max_length=60)
    room = models.CharField(max_length=60, blank=True)
    datacenter = models.ForeignKey(Datacenter, models.PROTECT, related_name="domains")

    class Meta:
        ordering = ("name",)
        constraints = [
            models.UniqueConstraint(fields=["datacenter", "kind", "name"], name="domain_once")
        ]

    def __str__(self) -> str:
        return self.name


class Host(Guarded):
    """A machine. `verdict` is what detection holds to be true, `replace` what it permits."""

    TYPE = "host"
    STATE = "verdict"
    MOVES = VERDICT_MOVES

    name = models.CharField(max_length=80, unique=True)
    datacenter = models.ForeignKey(Datacenter, models.PROTECT, related_name="hosts")
    rack = models.ForeignKey(FailureDomain, models.PROTECT, related_name="hosts")
    address = models.CharField(max_length=120, blank=True)
    probe_port = models.IntegerField(default=0)
    peer_port = models.IntegerField(default=0)
    public_key = models.CharField(max_length=64, blank=True)
    enrolled_at = models.DateTimeField(null=True)
    agent_version = models.CharField(max_length=40, blank=True)
    boot = models.CharField(max_length=32, blank=True)
    adapters = models.JSONField(default=list)

    cpu_millis = models.IntegerField()
    memory_mib = models.IntegerField()
    labels = models.JSONField(default=dict)

    verdict = models.CharField(max_length=12, choices=choices(Verdict), default=Verdict.ENROLLING)
    verdict_at = models.DateTimeField(null=True)
    verdict_reason = models.TextField(blank=True)
    verdict_evidence = models.JSONField(default=dict)
    replace = models.CharField(max_length=12, choices=choices(Replace), default=Replace.NONE)
    replace_reason = models.TextField(blank=True)
    quarantined_at = models.DateTimeField(null=True)
    quarantine_reason = models.TextField(blank=True)
    cordoned_at = models.DateTimeField(null=True)
    cordon_reason = models.TextField(blank=True)
    draining_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class HostMemory(models.Model):
    """What a host's agent told last of what it was told before: a sight, overwritten.

    The rows may be older than that (B11): `leader_epoch` and `desired_version` only rise at the
    agent, over every restart.
    """

    host = models.OneToOneField(Host, models.PROTECT, primary_key=True, related_name="memory")
    at = models.DateTimeField()
    leader_epoch = models.BigIntegerField(default=0)
    desired_version = models.BigIntegerField(default=0)


class JoinToken(models.Model):
    """A right to enrol once, for one host, until it expires. Only its hash is kept (A1)."""

    id = models.BigAutoField(primary_key=True)
    host = models.ForeignKey(Host, models.PROTECT, related_name="join_tokens")
    digest = models.CharField(max_length=64, unique=True)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
