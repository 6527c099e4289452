"""Speaks to the lab daemon over its unix socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path

from recovery.core.errors import Refused, Unsure
from recovery.lab.settings import from_environment

_TIMEOUT_SECONDS = 30.0


def socket_path() -> Path:
    """Where a running lab listens."""
    return from_environment().socket


def is_running(path: Path | None = None) -> bool:
    """Whether a lab answers."""
    try:
        ask("status", path=path)
    except (Refused, Unsure):
        return False
    return True


def ask(
    verb: str, fields: Mapping[str, object] = {}, *, path: Path | None = None
) -> dict[str, object]:
    """The daemon's answer to one wish; `Refused` with its reason otherwise."""
    path = path or from_environment().socket
    request = json.dumps({"do": verb, **fields}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(_TIMEOUT_SECONDS)
            door.connect(str(path))
            door.sendall(request)
            with door.makefile("rb") as answers:
                line = answers.readline()
    except TimeoutError as error:
        raise Unsure(
            f"The lab was asked to {verb} and has not answered for {_TIMEOUT_SECONDS:.0f} s: it "
            "may be done, or be done yet.",
            todo="Look at the host before you ask again.",
        ) from error
    except OSError as error:
        raise Refused(
            f"No lab answers at {path} ({error}).", todo="Start it with `manage.py lab run`."
        ) from error
    if not line:
        raise Refused("The lab ended before it answered.", todo="Look at its log.")
    answer: dict[str, object] = json.loads(line)
    if not answer.pop("ok"):
        raise Refused(str(answer["error"]), field=str(answer["field"]), todo=str(answer["todo"]))
    return answer
