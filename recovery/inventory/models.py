"""Places, hosts, applications, their containers, and the seats that these have on hosts."""

from __future__ import annotations

from enum import StrEnum

from django.db import models

from recovery.core.guarded import Guarded
from recovery.inventory.facts import (
    PLACEMENT_MOVES,
    SEATED,
    VERDICT_MOVES,
    ApplicationKind,
    DomainKind,
    PlacementState,
    Replace,
    Verdict,
)


def _choices(kind: type[StrEnum]) -> list[tuple[str, str]]:
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

    kind = models.CharField(max_length=10, choices=_choices(DomainKind))
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
    public_key = models.CharField(max_length=64, blank=True)
    enrolled_at = models.DateTimeField(null=True)
    agent_version = models.CharField(max_length=40, blank=True)
    boot = models.CharField(max_length=32, blank=True)
    adapters = models.JSONField(default=list)

    cpu_millis = models.IntegerField()
    memory_mib = models.IntegerField()
    labels = models.JSONField(default=dict)

    verdict = models.CharField(max_length=12, choices=_choices(Verdict), default=Verdict.ENROLLING)
    verdict_at = models.DateTimeField(null=True)
    verdict_reason = models.TextField(blank=True)
    verdict_evidence = models.JSONField(default=dict)
    replace = models.CharField(max_length=12, choices=_choices(Replace), default=Replace.NONE)
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


class JoinToken(models.Model):
    """A right to enrol once, for one host, until it expires. Only its hash is kept (A1)."""

    id = models.BigAutoField(primary_key=True)
    host = models.ForeignKey(Host, models.PROTECT, related_name="join_tokens")
    digest = models.CharField(max_length=64, unique=True)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)


class Application(Guarded):
    """A service in `copies` equal containers."""

    TYPE = "application"

    name = models.CharField(max_length=80, unique=True)
    about = models.CharField(max_length=200, blank=True)
    kind = models.CharField(
        max_length=12, choices=_choices(ApplicationKind), default=ApplicationKind.STATELESS
    )
    copies = models.IntegerField()
    priority = models.IntegerField(default=50)
    cpu_millis = models.IntegerField()
    memory_mib = models.IntegerField()
    required_labels = models.JSONField(default=dict)
    image = models.CharField(max_length=200, blank=True)
    command = models.JSONField(default=list)
    release = models.CharField(max_length=40, default="1")
    health_path = models.CharField(max_length=120, default="/healthz")

    class Meta:
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(copies__gte=0, cpu_millis__gt=0, memory_mib__gt=0),
                name="application_needs_positive",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Container(Guarded):
    """Copy `ordinal` of an application: it keeps its name wherever it runs."""

    TYPE = "container"

    application = models.ForeignKey(Application, models.PROTECT, related_name="containers")
    ordinal = models.IntegerField()
    generation = models.IntegerField(default=0)
    wanted = models.BooleanField(default=True)

    class Meta:
        ordering = ("application__name", "ordinal")
        constraints = [
            models.UniqueConstraint(fields=["application", "ordinal"], name="container_once")
        ]

    def __str__(self) -> str:
        return f"{self.application.name}-{self.ordinal}"


class Placement(Guarded):
    """A container's seat on a host. Never two of one application on one host (H4)."""

    TYPE = "placement"
    MOVES = PLACEMENT_MOVES

    container = models.ForeignKey(Container, models.PROTECT, related_name="placements")
    application = models.ForeignKey(Application, models.PROTECT, related_name="placements")
    host = models.ForeignKey(Host, models.PROTECT, related_name="placements")
    generation = models.IntegerField()
    state = models.CharField(
        max_length=10, choices=_choices(PlacementState), default=PlacementState.PLANNED
    )
    provisional = models.BooleanField(default=False)
    replaces = models.ForeignKey("self", models.PROTECT, null=True, related_name="replaced_by")
    port = models.IntegerField()
    cpu_millis = models.IntegerField()
    memory_mib = models.IntegerField()
    reason = models.TextField(blank=True)
    planned_at = models.DateTimeField()
    running_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    detail = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["application", "host"],
                condition=models.Q(state__in=sorted(SEATED)),
                name="one_seat_per_application_and_host",
            ),
            models.UniqueConstraint(
                fields=["host", "port"],
                condition=models.Q(state__in=sorted(SEATED)),
                name="one_seat_per_port",
            ),
            models.UniqueConstraint(fields=["container", "generation"], name="generation_once"),
        ]
        indexes = [
            models.Index(
                fields=["host"],
                condition=models.Q(state__in=sorted(SEATED)),
                name="seats_of_host",
            )
        ]

    def __str__(self) -> str:
        return f"{self.container} g{self.generation} on {self.host}"
