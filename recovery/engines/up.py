"""`make up`: from an empty folder to a running Tocsin, and back to nothing at Ctrl-C.

Invariants: nothing is changed before the checks have passed; whatever goes wrong ends in one
sentence that says what was kept and what to do; no process is left, whichever way it ends.
"""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from recovery.core.clock import system
from recovery.core.errors import BadConfiguration, TocsinError
from recovery.engines import certificates, children, first, leftovers, report
from recovery.engines.checks import check_ports
from recovery.engines.edge import doors
from recovery.engines.edge import settings as edge
from recovery.engines.keeper import keep
from recovery.engines.postgres import Cluster
from recovery.engines.programs import Program, Stage, archiver, is_installed, ours, stores
from recovery.engines.roles import APPLICATION, DATABASE, MIGRATOR, SEALER
from recovery.engines.state import State, write_private
from recovery.engines.supervisor import Kept, Supervisor
from recovery.engines.valkey import Valkey
from recovery.engines.wishes import Wishes, read_wishes

ROOT = Path(__file__).resolve().parents[2]
NOT_INHERITED = {
    "TOCSIN_MIGRATOR_DATABASE_URL",
    "TOCSIN_SEALER_DATABASE_URL",
    "PYTHONDONTWRITEBYTECODE",
}
"""The keys of the migrator and the sealer; and what would make every start compile every module
again (3 times slower, and a killed process is back as much later)."""


def up() -> int:
    """Start everything and stay until stopped; the exit code."""
    try:
        wishes = read_wishes()
        state = State(wishes.folder)
        state.prepare()
        with state.take_lock():
            ended = leftovers.end_all(wishes.folder)
            if ended:
                report.say(f"ended {ended} processes that an earlier, killed start had left")
            check_ports(wishes.addresses)
            write_private(wishes.folder / doors.KEPT, doors.written(wishes.addresses.databases))
            return keep(lambda: _Start(wishes, state).supervise())
    except TocsinError as refusal:
        report.complain(str(refusal))
    except OSError as error:
        report.complain(_disk_sentence(error))
    return 1


def _disk_sentence(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return (
            f"the disk of {error.filename or 'the state folder'} is full. What was there is kept. "
            "Free some space and start again: make up"
        )
    return f"{error.filename or 'the system'}: {error.strerror}."


class _Start:
    """One start, from the checks to the last stop."""

    def __init__(self, wishes: Wishes, state: State) -> None:
        self.wishes, self.state = wishes, state
        self.begun = system.monotonic()
        self.cluster = Cluster(state.folder / "postgres") if wishes.brings_database else None
        self.valkey = (
            Valkey(state.folder / "valkey", wishes.addresses.store, state.secret("valkey"))
            if wishes.brings_store
            else None
        )
        self.passwords = ""

    def supervise(self) -> int:
        """The supervisor's whole life, in its own process."""
        supervisor: Supervisor | None = None
        try:
            self._make_ready_to_start()
            supervisor = self._supervisor()
            self._run(supervisor)
        except TocsinError as refusal:
            report.complain(str(refusal))
            return 1
        except OSError as error:
            report.complain(_disk_sentence(error))
            return 1
        finally:
            if supervisor is not None:
                report.say("stopping ...")
                supervisor.stop()
                self.state.environment_file.unlink(missing_ok=True)
                report.say("stopped; the data stays in " + str(self.state.folder))
        return 0

    def _make_ready_to_start(self) -> None:
        host = self.wishes.addresses.host
        if host:
            certificates.ensure_certificates(self.state.tls, host, system.now())
        if self.cluster and not self.cluster.is_initialised():
            first.check_not_lost(self.state)
            report.say("making the PostgreSQL cluster (about 40 MB, a few seconds) ...")
            self.cluster.initialise()

    def _supervisor(self) -> Supervisor:
        host = self.wishes.addresses.host
        tls = certificates.uvicorn_options(self.state.tls) if host else []
        wanted = stores(self.cluster, self.valkey)
        if self.cluster:
            wanted.append(archiver())
        wanted += ours(
            self.wishes.addresses,
            tls=tls,
            traefik=edge.command(self.state, self.wishes.addresses),
            sealer=self._sealer_url(),
        )
        return Supervisor(
            _chosen(wanted, _without(self.wishes.without)),
            clock=system,
            root=ROOT,
            logs=self.state.log,
            env=self.environment(),
            say=report.say,
            publish=self._publish,
        )

    def _run(self, supervisor: Supervisor) -> None:
        supervisor.listen_to_signals()
        self._start_stores(supervisor)
        if supervisor.is_stopping:
            return
        self._prepare_data()
        # A first start installs and migrates for a minute: somebody may have come meanwhile.
        check_ports(self.wishes.addresses, kept="The data is kept.")
        write_private(self.state.environment_file, json.dumps(self._own_environment(), indent=1))
        for stage in (Stage.SERVICES, Stage.LAB):
            late = supervisor.start_stage(stage)
            if late and not supervisor.is_stopping:
                report.say(f"not ready yet: {', '.join(late)}; see {self.state.log}")
        if not supervisor.is_stopping:
            report.final_block(
                self.wishes.addresses,
                self.state,
                seconds=system.monotonic() - self.begun,
                passwords=self.passwords,
            )
            if self.passwords:
                first.were_shown(self.state)
            supervisor.start_stage(Stage.REST)
        supervisor.run()

    def _start_stores(self, supervisor: Supervisor) -> None:
        late = supervisor.start_stage(Stage.STORES)
        if late and not supervisor.is_stopping:
            words = self.cluster.last_words() if self.cluster and "postgres" in late else ""
            raise first.FirstStepFailed(
                f"{', '.join(late)} did not start. {words}",
                kept="The data is kept.",
                todo=f"Logs are in {self.state.log}.",
            )
        if not self.wishes.brings_database:
            first.check_database(self.wishes.database_url, "TOCSIN_DATABASE_URL")
            first.check_database(self.wishes.migrator_url, "TOCSIN_MIGRATOR_DATABASE_URL")
            if self.wishes.sealer_url:
                first.check_database(self.wishes.sealer_url, "TOCSIN_SEALER_DATABASE_URL")
        if not self.wishes.brings_store:
            first.check_store(self.wishes.redis_url)

    def _prepare_data(self) -> None:
        if self.cluster:
            first.ensure_own_database(self.cluster, self.state)
            first.ensure_archiver(self.cluster, self.state)
        began = system.monotonic()
        self.state.keep_secret("migrator_url", self._migrator_url())
        env = self.environment() | {"TOCSIN_MIGRATOR_DATABASE_URL": self._migrator_url()}
        if first.migrate(ROOT, self.state, env, always=self.cluster is None):
            report.say(f"tables are up to date ({system.monotonic() - began:.1f} s)")
        self.passwords = first.welcome(ROOT, self.state, self.environment())

    def _database_url(self) -> str:
        if self.cluster is None:
            return self.wishes.database_url
        return self.cluster.url(APPLICATION, self.state.secret("application"), DATABASE)

    def _migrator_url(self) -> str:
        if self.cluster is None:
            return self.wishes.migrator_url
        return self.cluster.url(MIGRATOR, self.state.secret("migrator"), DATABASE)

    def _sealer_url(self) -> str:
        """The application's where an external PostgreSQL has no role for it."""
        if self.cluster is None:
            return self.wishes.sealer_url or self.wishes.database_url
        return self.cluster.url(SEALER, self.state.secret("sealer"), DATABASE)

    def environment(self) -> dict[str, str]:
        """What every process gets: the caller's environment without the migrator's key."""
        inherited = {k: v for k, v in os.environ.items() if k not in NOT_INHERITED}
        return inherited | self._own_environment() | {leftovers.MARK: str(self.state.folder)}

    def _own_environment(self) -> dict[str, str]:
        addresses = self.wishes.addresses
        return {
            "TOCSIN_VAR": str(self.state.folder),
            "TOCSIN_DATABASE_URL": self._database_url(),
            "TOCSIN_REDIS_URL": self.valkey.url if self.valkey else self.wishes.redis_url,
            "TOCSIN_SECRET_KEY": self.state.secret("django"),
            "TOCSIN_EDGE_SECRET": self.state.secret("edge"),
            "TOCSIN_VAULT_KEYS": os.environ.get("TOCSIN_VAULT_KEYS") or self.state.secret("vault"),
            "TOCSIN_LINK_SECRET": self.state.secret("link"),
            "TOCSIN_PORT": str(addresses.web),
            "TOCSIN_EDGE_PORT": str(addresses.edge),
            "TOCSIN_EDGE_ADMIN_PORT": str(addresses.edge_admin),
            doors.FIELD: doors.written(addresses.databases),
            "TOCSIN_GATEWAY_PORT": str(addresses.gateway),
            "TOCSIN_GATEWAY_TLS_PORT": str(addresses.agents),
            "TOCSIN_GATEWAY_CERTIFICATE": str(self.state.tls / "leaf.crt"),
            "TOCSIN_GATEWAY_KEY": str(self.state.tls / "leaf.key"),
            "TOCSIN_URL": addresses.url,
            "TOCSIN_HOST": addresses.host,
            **({} if "lab" in self.wishes.without else {"TOCSIN_GATEWAY_BACK_DOOR": "1"}),
            **({"TOCSIN_MAIL_PORT": str(addresses.mail)} if addresses.mail else {}),
        }

    def _publish(self, kept: list[Kept]) -> None:
        body = {
            "keeper": os.getppid(),
            "supervisor": os.getpid(),
            "url": self.wishes.addresses.url,
            "addresses": asdict(self.wishes.addresses) | {"run_folder": str(self.state.run)},
            "processes": [
                {
                    "name": each.program.name,
                    "pid": each.pid,
                    "created": children.created(each.pid) if each.pid else None,
                    "since": each.since,
                    "restarts": each.restarts,
                    "is_up": each.is_up,
                    "last_exit": each.last_exit,
                }
                for each in kept
            ],
        }
        with suppress(OSError):  # a full disk must not stop the watch; written at the next change
            write_private(self.state.status_file, json.dumps(body, indent=1))


def _without(asked: frozenset[str]) -> frozenset[str]:
    """The writers are the lab's: they never write into databases that are somebody's."""
    is_wanted = "lab" not in asked and os.environ.get("TOCSIN_LAB_DATABASES", "1") == "1"
    return asked if is_wanted else asked | {"writers"}


def _chosen(programs: list[Program], without: frozenset[str]) -> list[Program]:
    """The programs that are wanted and installed; a misspelt wish is refused."""
    unknown = without - {program.name for program in programs}
    if unknown:
        names = ", ".join(program.name for program in programs)
        raise BadConfiguration(
            f"{', '.join(sorted(unknown))}: no such process; there are {names}.",
            field="TOCSIN_WITHOUT",
        )
    wanted = [program for program in programs if program.name not in without]
    missing = [program.name for program in wanted if not is_installed(program)]
    if missing:
        report.say(f"left out, not in this version: {', '.join(missing)}")
    return [program for program in wanted if program.name not in missing]
