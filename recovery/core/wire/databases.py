"""Frames about the database servers of a host: a replica is one server of a database."""

from __future__ import annotations

from typing import Literal

import msgspec

from recovery.core.wire.backups import BackupFact, BackupSpec, RestoreFact, RestoreSpec
from recovery.core.wire.frame import Frame, Whole
from recovery.core.wire.plans import PlanWord

EngineName = Literal["postgresql", "valkey"]
ReplicaRole = Literal["primary", "standby", "out"]
"""What the control plane decided a replica is. `out`: it may not run for clients: a host that
returned and is not trusted yet, a primary whose rows nobody else has."""


UNLISTED = "this host has no such replica"
"""An agent's words about what its list does not name, and what has ended. Also a proof: by them
what was there is put elsewhere (I-DB-1)."""


class LeaseTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, by the profile (safety.md 3.2): a primary may accept writes until `length` after
    it *sent* the renewal that was granted (B2). None of it is wall-clock time."""

    every: float
    timeout: float
    length: float
    early: float
    """An asynchronous primary that reaches neither control plane nor any peer closes after this."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One replica of a database, as the others of it know it. `peer_port`: its agent's."""

    replica: str
    host: str
    address: str
    port: int
    peer_port: int
    role: ReplicaRole
    may_be_promoted: bool = True


class DatabaseSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One database server to run on this host, as decided at database epoch `epoch`.

    The agent makes it so, again and again: it makes or clones the data, follows `primary`,
    promotes, rejoins. It never obeys a lower epoch than it has journaled (B5). `secret`: shared
    by this database's members alone; passwords and the peers' keys are derived from it.
    `lease` None: no self-fencing (starter plans, and whoever has no standby: I-DB-7).
    `synchronous`: acknowledged writes must be on a standby first; `degraded`: the control plane
    recorded that this does not hold until the standby has caught up. `backup` None: nobody backs
    it up. `adopts`: the restore whose data it has to lead this epoch with; what lies there serves
    no more, and what is staged is put in its place by an order. Empty: whatever it has.
    `gave_up`: the restores whose data may not serve, the newest first: what each of them replaced
    is put in its place again. `checked_below`: its datacenter was fenced until this epoch; a
    standby that heard of none as high is treated as one that was set apart: it may have been away
    all the while, and hold what nobody else does.
    """

    replica: str
    database: str
    name: str
    engine: EngineName
    version: str
    role: ReplicaRole
    epoch: int
    port: int
    secret: str
    members: tuple[Member, ...]
    synchronous: bool = False
    degraded: bool = False
    lease: LeaseTerms | None = None
    settings: dict[str, str] = {}
    backup: BackupSpec | None = None
    adopts: str = ""
    gave_up: tuple[str, ...] = ()
    checked_below: Whole = 0


ServerState = Literal["absent", "making", "starting", "running", "down", "fenced", "failed"]


class StandbyFact(msgspec.Struct, frozen=True, kw_only=True):
    """A standby as its primary sees it. `position` in bytes of the engine's log, confirmed."""

    replica: str
    position: Whole
    is_streaming: bool
    is_synchronous: bool


class ReplicaFact(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent sees of one of its database servers now.

    `position`: primary: written; standby: received and safe on its disk; in bytes of the
    engine's log (WAL LSN, replication offset). `timeline`: PostgreSQL's; Valkey: hash of the
    replication id. `lag_ms`: how far behind its primary in time, -1 unknown. `follows`: the
    replica whose log it receives now. `healthy_ms`: streaming and well for so long, as of the
    newest moment of it: the end of its primary does not begin it anew. `promised_ms`: rest of a
    live promise not to be promoted (B6). `gate`: whether clients' writes can get through;
    `gate_kind`: "nftables" (the kernel's) or "watchdog" (weaker).
    `settings`: what the worst case is computed from. `alone`: rows that only this one has;
    `is_measured`: of one that is set apart: it was looked at, so that none means none.
    `adopted`: the restore that its data are of, where its list asks for it or gave it up.
    `silent_ms`: its process runs and answered no look for so long, each of which counts for no more
    than it may take: three of them, six seconds. 0: it answers, or there is no process.
    `granted`, `incarnation`: of a primary, the highest grant in this epoch and life of its agent
    that had come before the look began; 0: none had, or nothing was looked at.
    """

    replica: str
    epoch: Whole
    state: ServerState
    role: ReplicaRole
    is_writable: bool = False
    version: str = ""
    system: str = ""
    timeline: Whole = 0
    position: Whole = 0
    lag_ms: Whole = -1
    follows: str = ""
    healthy_ms: Whole = 0
    standbys: tuple[StandbyFact, ...] = ()
    gate: Literal["open", "closed", "none"] = "none"
    gate_kind: str = ""
    promised_ms: Whole = 0
    settings: dict[str, float] = {}
    cancelled_waits: Whole = 0
    alone: str = ""
    is_measured: bool = False
    adopted: str = ""
    silent_ms: Whole = 0
    granted: Whole = 0
    incarnation: Whole = 0
    detail: str = ""


# agent → gateway


class DatabaseReport(Frame, frozen=True):
    """All of this host's database servers, on each change of state and once a second."""

    replicas: tuple[ReplicaFact, ...]
    backups: tuple[BackupFact, ...] = ()
    restores: tuple[RestoreFact, ...] = ()


class Renewal(Frame, frozen=True):
    """Asks that this primary may go on. `sequence` rises within (`epoch`, `incarnation`);
    `echo` is the highest granted one that arrived (B7). `position`: written so far, so that a
    loss can be quoted. Sent only while the server itself answers its agent."""

    replica: str
    epoch: Whole
    incarnation: Whole
    sequence: Whole
    echo: Whole
    position: Whole = 0


# gateway → agent


class Grant(Frame, frozen=True):
    """The row of this lease is committed with this sequence: the only right to accept writes."""

    replica: str
    epoch: int
    incarnation: int
    sequence: int


DatabaseVerb = Literal[
    "fence",
    "promote",
    "ask",
    "restart",
    "rejoin",
    "restore",
    "adopt",
    "discard",
    "keep",
    "export",
]


class DatabaseOrder(Frame, frozen=True):
    """One act on a database server, journaled like an `Order`; repeated keys get their outcome.

    `fence`: close the gate and keep it closed below a higher epoch; `done` carries a receipt,
    `detail` the position at which it stopped. `ask`: what a promotion here would meet: `done`
    with a JSON detail {"promised_ms", "position", "timeline", "state"}; `take_over` makes this
    host give no further promises below `database.epoch` (B6), `by` a name; `give_again`: those of
    these names have given up, and it promises as if they had not. `promote`: become the primary
    of `database.epoch`; refused while a promise lives. `restart`: start a crashed server.
    `rejoin`: follow `database`'s primary again, rewinding or reseeding after a snapshot (I-DB-5).
    `restore`: bring it back from a store and prove it, beside the place where it would serve;
    `done` carries a `RestoreResult` as JSON. `adopt`: what was restored becomes the data of this
    replica, which the list names as primary. `discard`: nothing of that restore is left here.
    `keep`: the data of a replica that is set apart are put aside as they are; by a plan alone.
    `export`: what they hold beyond the primary's goes into a store of the database's, sealed;
    `done` carries an `ExportResult` as JSON; by a plan alone, and as often as it is asked for.
    `plan`: a recovery plan wants it, and what shows that people agreed; None: failover itself does.
    `stores`: with `export`, into which of the database's, the first that takes it; none: into any.
    """

    operation: str
    epoch: int
    verb: DatabaseVerb
    database: DatabaseSpec
    take_over: bool = False
    give_again: tuple[str, ...] = ()
    by: str = ""
    restore: RestoreSpec | None = None
    plan: PlanWord | None = None
    stores: tuple[str, ...] = ()
