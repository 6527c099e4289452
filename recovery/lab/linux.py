"""The few calls of Linux that the lab needs and Python 3.11 does not have."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
_PR_SET_NAME, _PR_SET_CHILD_SUBREAPER, _PR_SET_PDEATHSIG = 15, 36, 1
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
EXITING = 0x4
"""PF_EXITING in the flags of /proc/PID/stat: set before anything of it is torn down."""


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags))


def enter_namespace(descriptor: int, kind: int) -> None:
    """This thread moves into the namespace that the descriptor stands for."""
    _check(_libc.setns(descriptor, kind))


def map_own_user(user: int, group: int) -> None:
    """Inside a new user namespace: the same user and group as outside."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def own_proc() -> None:
    """A /proc that shows this pid namespace; inside a mount namespace of its own."""
    _check(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
    _check(_libc.mount(b"proc", b"/proc", b"proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, None))


def name_process(name: str) -> None:
    """What `ps` and `top` show as its command (15 characters)."""
    _check(_libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0))


def become_subreaper() -> None:
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


def die_with_parent(number: int) -> None:
    _check(_libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0))
