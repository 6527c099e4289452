"""The lab's one file: what a user may change, checked strictly, errors with line and field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from recovery.core.errors import BadConfiguration
from recovery.lab.addresses import addresses_of, network_of
from recovery.lab.databases.entries import DatabaseEntry, Location, Place, faults
from recovery.lab.entry import Code, Cpu, Entry, Memory, Name
from recovery.lab.stores import entries as stores
from recovery.lab.stores.entries import StoreEntry

SHIPPED = Path(__file__).with_name("lab.yaml")
SERVICE = Path(__file__).with_name("service.py")


class HostEntry(Entry):
    name: Name
    cpu_millis: Cpu
    memory_mib: Memory
    labels: dict[str, str] = {}


class DrillEntry(Entry):
    """A host for drills: in no datacenter, and no host of the inventory."""

    name: Name
    cpu_millis: Cpu
    memory_mib: Memory


class RackEntry(Entry):
    name: Code
    hosts: list[HostEntry] = Field(min_length=1, max_length=100)


class DatacenterEntry(Entry):
    name: Code
    place: str
    region: str
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    racks: list[RackEntry] = Field(min_length=1)


class ApplicationEntry(Entry):
    name: Name
    description: str = ""
    containers: int = Field(ge=1, le=100)
    cpu_millis: Cpu
    memory_mib: Memory
    priority: int = Field(ge=0, le=100)
    kind: Literal["stateless", "singleton"] = "stateless"
    labels: dict[str, str] = {}
    command: list[str] = []

    @model_validator(mode="after")
    def _one_of_a_kind(self) -> ApplicationEntry:
        if self.kind == "singleton" and self.containers != 1:
            raise ValueError("a singleton has exactly one container")
        return self

    def argv(self) -> tuple[str, ...]:
        """How its containers start; the lab's own small service where nothing is said."""
        if self.command:
            return tuple(self.command)
        argv = ["{python}", "-I", "-S", str(SERVICE), "--application", self.name]
        for name in ("host", "address", "port", "container", "generation", "version"):
            argv += [f"--{name}", "{" + name + "}"]
        return tuple(argv)


class Layout(Entry):
    """The whole file."""

    network: str
    probe_port: int = Field(ge=1024, le=32767)
    datacenters: list[DatacenterEntry] = Field(min_length=1, max_length=250)
    applications: list[ApplicationEntry] = []
    databases: list[DatabaseEntry] = []
    stores: list[StoreEntry] = []
    drills: list[DrillEntry] = Field(default=[], max_length=100)

    @model_validator(mode="after")
    def _is_whole(self) -> Layout:
        if not network_of(self.network).is_loopback:
            raise ValueError(f"network {self.network!r}: 127.N.0.0/16 with N from 1 to 191")
        for kind, names in self._names().items():
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{kind} named twice: {', '.join(twice)}")
        return self

    def _names(self) -> dict[str, list[str]]:
        return {
            "datacenters": [d.name for d in self.datacenters],
            "racks": [r.name for d in self.datacenters for r in d.racks],
            "hosts": [
                *(h.name for d in self.datacenters for r in d.racks for h in r.hosts),
                *(drill.name for drill in self.drills),
            ],
            "applications": [a.name for a in self.applications],
            "databases": [d.name for d in self.databases],
            "stores": [s.name for s in self.stores],
        }

    def hosts(self, network: str = "") -> Iterator[LabHost]:
        """Every host with its addresses, in the file's order."""
        within = network_of(network or self.network)
        for number, datacenter in enumerate(self.datacenters, start=1):
            place = 0
            for rack in datacenter.racks:
                for host in rack.hosts:
                    place += 1
                    addresses = addresses_of(within, number, place)
                    yield LabHost(host.name, datacenter.name, rack.name, *addresses)

    def store_names(self) -> tuple[list[str], list[str]]:
        """Of the buckets, and of the provider's sites."""
        buckets = [entry.name for entry in self.stores if entry.kind == "bucket"]
        return buckets, [entry.name for entry in self.stores if entry.kind == "snapshots"]

    def places(self, network: str = "") -> Iterator[LabHost]:
        """Every store as a machine of its own, in the file's order."""
        within = network_of(network or self.network)
        numbers = {entry.name: n for n, entry in enumerate(self.datacenters, start=1)}
        there: Counter[str] = Counter()
        for entry in self.stores:
            number, place = numbers[entry.datacenter], stores.FIRST_PLACE
            place += 2 * there[entry.datacenter]
            there[entry.datacenter] += 1
            address, inner, _ = addresses_of(within, number, place)
            beside = addresses_of(within, number, place + 1).inner
            own = beside if within.is_loopback else "127.0.0.1"
            yield LabHost(entry.name, entry.datacenter, "", address, inner, "", entry.kind, own)

    def drill_hosts(self, network: str = "") -> Iterator[LabHost]:
        """Those for drills, beyond the last datacenter."""
        within = network_of(network or self.network)
        for place, entry in enumerate(self.drills, start=1):
            address, inner, uplink = addresses_of(within, len(self.datacenters) + 1, place)
            yield LabHost(entry.name, "", "", address, inner, uplink, "drill")


@dataclass(frozen=True, slots=True)
class LabHost:
    """One host: its public address, the inner one where its containers really listen, and the
    one by which it reaches the control plane. A store is one too: no agent, no way to the control
    plane, and an address beside its own, where it speaks to itself."""

    name: str
    datacenter: str
    rack: str
    address: str
    inner: str
    uplink: str
    kind: Literal["host", "drill"] | stores.Kind = "host"
    beside: str = ""


def load(path: Path = SHIPPED) -> Layout:
    """The file's content, or `BadConfiguration` with line, column and field."""
    try:
        raw = YAML(typ="rt").load(path.read_text())
    except OSError as error:
        raise BadConfiguration(f"{path} cannot be read: {error.strerror}") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise BadConfiguration(f"{where}: {error.problem}") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{path}: {error}") from error
    try:
        layout = Layout.model_validate(_plain(raw))
    except ValidationError as error:
        said = [(problem["loc"], problem["msg"]) for problem in error.errors()]
        raise BadConfiguration(_sentences(path, raw, said)) from error
    places = {host.name: Place(host.datacenter, host.rack) for host in layout.hosts()}
    sites = [datacenter.name for datacenter in layout.datacenters]
    found = faults(layout.databases, places)
    found += stores.faults(layout.stores, layout.databases, sites, places)
    wrong = [(fault.location, fault.said) for fault in found]
    if wrong:
        raise BadConfiguration(_sentences(path, raw, wrong))
    return layout


def _plain(node: object) -> object:
    """The same content in plain types; strict models take no subclasses of str and int."""
    if isinstance(node, CommentedMap):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _sentences(path: Path, raw: object, found: Sequence[tuple[Location, str]]) -> str:
    lines = []
    for location, said in found[:10]:
        line, column = _position(raw, location)
        field = ".".join(str(part) for part in location) or "the file"
        lines.append(f"{path}:{line}:{column}: {field}: {said}")
    return "\n".join(lines)


def _position(raw: object, location: Location) -> tuple[int, int]:
    """Line and column (from 1) of the deepest part of the path that the file has."""
    line, column, node = 0, 0, raw
    for part in location:
        if isinstance(node, CommentedMap) and part in node:
            line, column = node.lc.key(part)
            node = node[part]
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            line, column = node.lc.item(part)
            node = node[part]
        else:
            break
    return line + 1, column + 1
