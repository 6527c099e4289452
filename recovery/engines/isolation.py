"""Running a server that refuses root, started by root, from any folder.

Invariant: the server never runs as root. An ordinary user runs it directly; root, and a number
without a name, run it in a user namespace of its own (files stay theirs, a 0700 home works);
where namespaces are off, root copies the programs to a readable place and drops to another user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from recovery.core.errors import BadConfiguration

NOBODY = "nobody"
"""Every Debian has it. PostgreSQL looks its user up and starts for no number without a name."""
DIES_WITH_ITS_STARTER = ("setpriv", "--pdeathsig", "INT", "--")


class Isolation(StrEnum):
    """How a server is kept from being root."""

    PLAIN = "plain"
    NAMESPACE = "namespace"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a server's programs and files are, and the words to put before its command.

    Changing the user clears the parent-death signal, so `prefix` sets it again at its end.
    """

    isolation: Isolation
    programs: Path
    folder: Path
    prefix: tuple[str, ...] = ()

    @property
    def owner(self) -> str | None:
        """The user that the server's files must belong to, where it is not ours."""
        return self.folder.owner() if self.isolation is Isolation.DROPPED else None


def _namespace() -> tuple[str, ...]:
    """The words that show this user to a server as nobody."""
    entry = pwd.getpwnam(NOBODY)
    return ("unshare", "-U", f"--map-user={entry.pw_uid}", f"--map-group={entry.pw_gid}")


def _has_a_name() -> bool:
    """False for a number that no passwd line names, as containers like to use."""
    return any(entry.pw_uid == os.geteuid() for entry in pwd.getpwall())


@cache
def namespaces_work() -> bool:
    """True when this user may make a user namespace that shows another uid."""
    probe = subprocess.run([*_namespace(), "true"], capture_output=True, check=False)
    return probe.returncode == 0


def choose(wanted: str | None = None) -> Isolation:
    """The isolation for this user on this machine; `wanted` overrides it."""
    if wanted:
        try:
            return Isolation(wanted)
        except ValueError:
            names = ", ".join(Isolation)
            raise BadConfiguration(f"{wanted!r} is none of {names}", field="isolation") from None
    if os.geteuid() != 0:
        return Isolation.PLAIN if _has_a_name() or not namespaces_work() else Isolation.NAMESPACE
    return Isolation.NAMESPACE if namespaces_work() else Isolation.DROPPED


def take_seat(
    *, programs: Path, folder: Path, isolation: Isolation, elsewhere: Path, user: str = NOBODY
) -> Seat:
    """Prepare the place: for a dropped user everything moves to `elsewhere`, a readable folder."""
    if isolation is Isolation.PLAIN:
        return Seat(isolation, programs, folder, DIES_WITH_ITS_STARTER)
    if isolation is Isolation.NAMESPACE:
        return Seat(isolation, programs, folder, (*_namespace(), *DIES_WITH_ITS_STARTER))
    copied = _copy_programs(programs, elsewhere)
    data = elsewhere / "state"
    data.mkdir(parents=True, exist_ok=True)
    shutil.chown(data, user)
    drop = ("setpriv", "--reuid", user, "--regid", _group_of(user), "--clear-groups")
    return Seat(isolation, copied, data, (*drop, *DIES_WITH_ITS_STARTER[1:]))


def _group_of(user: str) -> str:
    return str(pwd.getpwnam(user).pw_gid)


def _copy_programs(programs: Path, elsewhere: Path) -> Path:
    """Copy the wheel's tree (its libraries lie beside it) and return the new bin folder.

    What the system installed is readable by everybody already.
    """
    if programs.is_relative_to("/usr"):
        return programs
    package = programs.parent.parent
    for source in (package, package.with_name(f"{package.name}.libs")):
        target = elsewhere / source.name
        if source.is_dir() and not target.exists():
            partial = target.with_name(f"{target.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(source, partial, symlinks=True)
            partial.rename(target)
    elsewhere.chmod(0o755)
    return elsewhere / package.name / programs.relative_to(package)
