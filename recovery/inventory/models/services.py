"""Applications, their containers, and the seats that these have on hosts."""

from __future__ import annotations

from django.db import models

from recovery.core.guarded import Guarded
from recovery.inventory.facts import PLACEMENT_MOVES, SEATED, ApplicationKind, PlacementState
from recovery.inventory.models.places import Host, choices


class Application(Guarded):
    """A service in `copies` equal containers."""

    TYPE = "application"

    name = models.CharField(max_length=80, unique=True)
    about = models.CharField(max_length=200, blank=True)
    kind = models.CharField(
        max_length=12, choices=choices(ApplicationKind), default=ApplicationKind.STATELESS
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
        max_length=10, choices=choices(PlacementState), default=PlacementState.PLANNED
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
