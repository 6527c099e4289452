"""Places, hosts, applications with their containers' seats, databases with their replicas."""

from recovery.inventory.models.databases import Database, Epoch, Replica, ReplicaSight
from recovery.inventory.models.places import Datacenter, FailureDomain, Host, HostMemory, JoinToken
from recovery.inventory.models.services import Application, Container, Placement
from recovery.inventory.models.writes import WriteGap, WriteProbe

__all__ = [
    "Application",
    "Container",
    "Database",
    "Datacenter",
    "Epoch",
    "FailureDomain",
    "Host",
    "HostMemory",
    "JoinToken",
    "Placement",
    "Replica",
    "ReplicaSight",
    "WriteGap",
    "WriteProbe",
]
